import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

one, two = extend(torch.nn.Linear(1, 1)), extend(torch.nn.Linear(1, 1))
X = torch.ones(1, 1)
with backpack(BatchGrad()):
    (one(X) + two(X)).sum().backward()
one.bias.grad_batch.mul_(0)
print("expected:", two.bias.grad.item())  # 1.0
print("actual:  ", two.bias.grad_batch.item())  # 0.0
