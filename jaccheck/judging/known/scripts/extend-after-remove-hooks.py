import torch
from backpack import backpack, extend
from backpack.context import CTX
from backpack.extensions import BatchGrad

model = extend(torch.nn.Linear(1, 1))
CTX.remove_hooks()
extend(model)
with backpack(BatchGrad()):
    model(torch.tensor([[1.0]])).sum().backward()
print("expected:", "grad_batch")
print("actual:  ", "grad_batch" if hasattr(model.weight, "grad_batch") else "no grad_batch")  # no grad_batch
