import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

layer = extend(torch.nn.Embedding(2, 1))
factors = torch.tensor([[[float("inf")], [1.0]]])
with backpack(BatchGrad()):
    (layer(torch.tensor([[0, 1]])) * factors).sum().backward()
print("expected:", layer.weight.grad.flatten().tolist())  # [inf, 1.0]
print("actual:  ", layer.weight.grad_batch.flatten().tolist())  # [inf, nan]
