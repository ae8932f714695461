import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Conv1d(1, 1, 1))
print("expected:", "grad_batch of shape (0, 1, 1, 1), as a Linear has")
with backpack(BatchGrad(subsampling=[])):
    model(torch.ones(2, 1, 3)).sum().backward()  # RuntimeError: non-positive groups is not supported
