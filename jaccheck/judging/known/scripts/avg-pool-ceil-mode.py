import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

pool = torch.nn.AvgPool1d(2, ceil_mode=True)
model = extend(torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1), pool, torch.nn.Flatten()))
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1, 3)), torch.zeros(1, 2))
print("expected:", "no exception")
with backpack(DiagGGNExact()):
    loss.backward()  # ValueError: requested an output size
