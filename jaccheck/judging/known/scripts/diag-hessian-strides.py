import torch
from backpack import backpack, extend
from backpack.extensions import DiagHessian
from torch import nn

model = extend(nn.Sequential(nn.Conv2d(2, 2, 1), nn.Sigmoid(), nn.Flatten(), nn.Linear(8, 1)))
X = torch.ones(2, 2, 2, 2).to(memory_format=torch.channels_last)
loss = extend(nn.MSELoss())(model(X), torch.zeros(2, 1))
print("expected:", "no exception")
with backpack(DiagHessian()):
    loss.backward()  # RuntimeError: view size is not compatible
