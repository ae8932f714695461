import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

layer = extend(torch.nn.Linear(1, 1))
with backpack(BatchGrad(), BatchGrad(subsampling=[0])):
    layer(torch.ones(3, 1)).sum().backward()
print("expected:", "a word about two results for grad_batch")
print("actual:  ", f"{len(layer.weight.grad_batch)} of 3 rows")  # 1 of 3 rows
