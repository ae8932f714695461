import torch
from torch.func import vjp, vmap

X, P = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0], [0.0, 4.0]])
distances, gradient = vjp(lambda P: torch.cdist(X, P)[0], P)
rows = torch.eye(2)

print("expected:", torch.stack([gradient(row)[0] for row in rows]).tolist())
print("actual:  ", vmap(gradient)(rows)[0].tolist())  # [[[0.0, 1.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]
