import torch
from backpack import backpack, extend
from backpack.extensions import SqrtGGNExact

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(p=1.0)))  # in training mode
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1)), torch.ones(1, 1))
print("expected:", "no exception")
with backpack(SqrtGGNExact()):
    loss.backward()  # ZeroDivisionError
