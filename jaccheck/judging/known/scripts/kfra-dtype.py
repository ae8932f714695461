import torch
from backpack import backpack, extend
from backpack.extensions import KFRA
from torch import nn

model, X = extend(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).double()), torch.ones(2, 2).double()
loss = extend(nn.MSELoss())(model(X), X)
print("expected:", "no exception")
with backpack(KFRA()):
    loss.backward()  # RuntimeError: expected
