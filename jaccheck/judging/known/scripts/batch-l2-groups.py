import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad, BatchL2Grad

layer = extend(torch.nn.Conv1d(2, 2, 1, groups=2, bias=False))
with backpack(BatchGrad(), BatchL2Grad()):
    layer(torch.tensor([[[3.0], [4.0]]])).sum().backward()
print("expected:", (layer.weight.grad_batch**2).sum().item())  # 9 + 16
print("actual:  ", layer.weight.batch_l2.item())  # 50.0
