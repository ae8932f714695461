import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

layer = extend(torch.nn.Linear(1, 1, bias=False))
X = torch.tensor([[1.0], [2.0]])
with backpack(BatchGrad()):
    (layer(X) + torch.nn.functional.linear(X, layer.weight)).sum().backward()
print("expected:", layer.weight.grad.item())  # 6.0
print("actual:  ", layer.weight.grad_batch.sum().item())  # 3.0
