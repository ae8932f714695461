import torch
from torch.func import jacrev, vmap

slope = torch.tensor([0.5])
X = torch.tensor([[-1.0, -2.0], [-3.0, -4.0]])


def jacobian(x):
    return jacrev(torch.nn.functional.prelu, argnums=1)(x, slope).flatten()


print("expected:", torch.stack([jacobian(x) for x in X]).tolist())  # [[-1.0, -2.0], [-3.0, -4.0]]
print("actual:  ", vmap(jacobian)(X).tolist())  # [[-1.0, -4.0], [-1.0, -4.0]]
