import torch
from nngeometry.jacobian import Jacobian
from torch.utils.data import DataLoader, TensorDataset

conv = torch.nn.Conv1d(1, 1, 2, padding=1, padding_mode="circular", bias=False)
X = torch.tensor([[[1.0, 2.0, 3.0]]])
conv(X).sum().backward()
jacobian = Jacobian(conv, DataLoader(TensorDataset(X)), function=lambda x: conv(x).sum(2))
print("expected:", conv.weight.grad.flatten().tolist())  # [9.0, 7.0]
print("actual:  ", jacobian.to_torch().flatten().tolist())  # [6.0, 6.0]
