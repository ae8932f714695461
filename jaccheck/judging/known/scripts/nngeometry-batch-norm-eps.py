import torch
from nngeometry.jacobian import Jacobian
from torch.utils.data import DataLoader, TensorDataset

norm = torch.nn.BatchNorm1d(1, eps=3.0).eval()
X = torch.tensor([[2.0]])
norm(X).sum().backward()
jacobian = Jacobian(norm, DataLoader(TensorDataset(X)), function=norm).to_torch()
print("expected:", [norm.weight.grad.item(), norm.bias.grad.item()])  # [1.0, 1.0]
print("actual:  ", [round(entry, 3) for entry in jacobian.flatten().tolist()])  # [2.0, 1.0]
