import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad
from torch.nn.utils import prune

layer = extend(torch.nn.Linear(1, 1))
with backpack(BatchGrad()):
    layer(torch.tensor([[1.0]])).sum().backward()
    prune.identity(layer, "weight").zero_grad()  # the parameter is weight_orig from now on
    layer(torch.tensor([[5.0]])).sum().backward()
print("expected:", layer.weight_orig.grad.item())  # 5.0
print("actual:  ", layer.weight_orig.grad_batch.sum().item())  # 1.0
