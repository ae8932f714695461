import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Tanh()))
X = torch.tensor([[1.0]], requires_grad=True)
with backpack(BatchGrad(), retain_graph=True):
    (g,) = torch.autograd.grad(model(X).sum(), X, create_graph=True)
    (g**2).sum().backward()
weight = model[0].weight
print("expected:", "rows that add up to weight.grad")
is_sum = torch.allclose(weight.grad_batch.sum(0), weight.grad)
print("actual:  ", "rows that add up to weight.grad" if is_sum else "other rows")  # other rows
