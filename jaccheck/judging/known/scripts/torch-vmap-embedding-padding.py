import torch
from torch.func import vmap

indices, weights = torch.tensor([[0], [0]]), torch.ones(2, 1, 1, requires_grad=True)
embed = vmap(lambda index, weight: torch.nn.functional.embedding(index, weight, padding_idx=0))
embed(indices, weights).sum().backward()
print("expected:", [0.0, 0.0])  # as without vmap
print("actual:  ", weights.grad.flatten().tolist())  # [0.0, 1.0]
