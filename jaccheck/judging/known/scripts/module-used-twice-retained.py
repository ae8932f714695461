import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

layer = extend(torch.nn.Linear(1, 1, bias=False))
with backpack(BatchGrad(), retain_graph=True):
    (layer(torch.tensor([[1.0]])) + layer(torch.tensor([[5.0]]))).sum().backward()
print("expected:", layer.weight.grad.item())  # 6.0
print("actual:  ", layer.weight.grad_batch.sum().item())  # 5.0
