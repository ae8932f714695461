import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad
from torch import nn

model = extend(nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(18, 2)))
loss = model(torch.zeros(0, 1, 4, 4)).sum()
print("expected:", "no exception")
with backpack(BatchGrad()):
    loss.backward()  # RuntimeError: non-positive groups is not supported
