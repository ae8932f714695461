import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad


def clip(module):
    module.bias.grad_batch.clamp_(-0.5, 0.5)


layer = extend(torch.nn.Linear(1, 1))
with backpack(BatchGrad(), extension_hook=clip):
    (8 * layer(torch.tensor([[1.0]]))).sum().backward()
print("expected:", 8.0, "is weight.grad")
print("actual:  ", layer.weight.grad.item(), "is weight.grad")  # 0.5 is weight.grad
