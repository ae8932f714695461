import torch
from laplace.curvature import AsdlGGN

norm = torch.nn.BatchNorm1d(1, eps=0).eval()
torch.nn.init.zeros_(norm.weight)
norm.output_size, X = 1, torch.tensor([[2.0]])
norm(X).sum().backward()
print("expected:", [norm.weight.grad.item(), norm.bias.grad.item()])  # [2.0, 1.0]
print("actual:  ", AsdlGGN(norm, "regression").jacobians(X)[0].flatten().tolist())  # [nan, 1.0]
