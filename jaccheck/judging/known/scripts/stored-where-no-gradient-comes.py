import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)))
model[0].requires_grad_(False)
with backpack(BatchGrad()):
    model(torch.ones(1, 1)).sum().backward()
print("expected:", "nothing is stored")
print("actual:  ", "the batch is stored" if hasattr(model[0], "input0") else "nothing is stored")  # the batch is stored
