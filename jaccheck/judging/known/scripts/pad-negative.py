import torch
from backpack import backpack, extend
from backpack.custom_module.pad import Pad
from backpack.extensions import SqrtGGNExact

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 2), Pad((-1, 1))))
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1)), torch.ones(1, 2))
print("expected:", "no exception")
with backpack(SqrtGGNExact()):
    loss.backward()  # RuntimeError: ('Compared shapes
