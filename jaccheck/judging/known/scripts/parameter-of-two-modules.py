import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
torch.nn.init.ones_(model[0].weight)
model[1].weight = model[0].weight
with backpack(BatchGrad()):
    extend(model)(torch.ones(1, 1)).sum().backward()
print("expected:", model[0].weight.grad.item())  # 2.0
print("actual:  ", model[0].weight.grad_batch.item())  # 1.0
