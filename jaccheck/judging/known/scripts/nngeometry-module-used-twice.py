import torch
from nngeometry.jacobian import Jacobian
from torch.utils.data import DataLoader, TensorDataset

layer = torch.nn.Linear(1, 1, bias=False)
torch.nn.init.constant_(layer.weight, 3.0)
model = torch.nn.Sequential(layer, layer)
model(torch.ones(1, 1)).sum().backward()
jacobian = Jacobian(model, DataLoader(TensorDataset(torch.ones(1, 1))), function=model)
print("expected:", layer.weight.grad.item())  # 6.0
print("actual:  ", jacobian.to_torch().item())  # 12.0
