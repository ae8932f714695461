import torch
from nngeometry.jacobian import Jacobian
from torch.utils.data import DataLoader, TensorDataset

model = torch.nn.Sequential(torch.nn.BatchNorm1d(2).eval(), torch.nn.Flatten())
print("expected:", "no exception")
Jacobian(model, DataLoader(TensorDataset(torch.ones(1, 2, 3))), function=model)  # RuntimeError: The size of tensor a
