import torch
from torch.func import jacfwd, vmap

A = torch.stack([torch.eye(2), 2 * torch.eye(2)])


def solution(A):
    return torch.linalg.solve(A, torch.ones(2))


right = torch.stack([jacfwd(solution)(a) for a in A])
print("expected:", True)
print("actual:  ", torch.equal(vmap(jacfwd(solution))(A), right))  # False
