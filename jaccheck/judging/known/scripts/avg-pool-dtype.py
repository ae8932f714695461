import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model = extend(torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1), torch.nn.AvgPool1d(2), torch.nn.Flatten()).double())
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1, 2).double()), torch.zeros(1, 1).double())
print("expected:", "no exception")
with backpack(DiagGGNExact()):
    loss.backward()  # RuntimeError: expected scalar type Double but found Float
