import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Linear(1, 1, bias=False, dtype=torch.cfloat))
with backpack(BatchGrad()):
    model(torch.tensor([[1.0 + 2.0j]])).real.sum().backward()
print("expected:", model.weight.grad.item())  # (1-2j)
print("actual:  ", model.weight.grad_batch.item())  # (1+2j)
