import torch
from nngeometry.jacobian import Jacobian
from torch.utils.data import DataLoader, TensorDataset

model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
model[1].weight = model[0].weight
jacobian = Jacobian(model, DataLoader(TensorDataset(torch.ones(1, 1))), function=model)
print("expected:", len(list(model.parameters())), "column")  # 1 column
print("actual:  ", jacobian.to_torch().shape[2], "columns")  # 2 columns
