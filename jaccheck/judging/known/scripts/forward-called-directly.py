import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

layer = extend(torch.nn.Linear(1, 1, bias=False))
with backpack(BatchGrad()):
    layer(torch.tensor([[1.0]])).sum().backward()
    layer.zero_grad()
    layer.forward(torch.tensor([[5.0]])).sum().backward()
print("expected:", layer.weight.grad.item())  # 5.0
print("actual:  ", layer.weight.grad_batch.sum().item())  # 1.0
