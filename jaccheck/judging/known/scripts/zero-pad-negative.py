import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

pad = torch.nn.ZeroPad2d((0, 0, -1, 0))
model = extend(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), pad, torch.nn.Flatten()))
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1, 2, 1)), torch.zeros(1, 1))
print("expected:", "no exception")
with backpack(DiagGGNExact()):
    loss.backward()  # RuntimeError: ('Compared shapes
