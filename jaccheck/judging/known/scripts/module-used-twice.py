import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

layer = torch.nn.Linear(1, 1)
model = extend(torch.nn.Sequential(layer, layer))
output = model(torch.ones(1, 1)).sum()
print("expected:", "no exception, or one that says what is not supported")
with backpack(BatchGrad()):
    output.backward()  # AttributeError: 'Linear' object has no attribute 'output'
