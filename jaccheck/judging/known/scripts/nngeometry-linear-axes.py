import torch
from nngeometry.jacobian import Jacobian
from torch.utils.data import DataLoader, TensorDataset

model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Flatten())
loader = DataLoader(TensorDataset(torch.ones(1, 2, 1)))
print("expected:", "no exception")
Jacobian(model, loader, function=model)  # RuntimeError: batch1 must be a 3D tensor
