import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Linear(1, 1))
with backpack(BatchGrad()):
    model(torch.tensor([[1.0]])).sum().backward()
    model.weight.requires_grad_(False)
    model(torch.tensor([[5.0]])).sum().backward()
print("expected:", "no grad_batch")
print("actual:  ", getattr(model.weight, "grad_batch", "no grad_batch"))  # tensor([[[1.]]])
