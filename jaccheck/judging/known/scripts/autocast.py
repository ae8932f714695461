import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model, X = extend(torch.nn.Linear(2, 2)), torch.ones(2, 2)
with torch.autocast("cpu", dtype=torch.bfloat16):
    loss = extend(torch.nn.MSELoss())(model(X), X)
print("expected:", "no exception")
with backpack(DiagGGNExact()):
    loss.backward()  # RuntimeError: expected scalar type
