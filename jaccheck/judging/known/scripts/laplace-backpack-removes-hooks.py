import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad
from laplace.curvature import BackPackGGN

mine, other = extend(torch.nn.Linear(1, 1)), torch.nn.Linear(1, 1)
other.output_size = 1
BackPackGGN(other, "regression").jacobians(torch.ones(1, 1))
with backpack(BatchGrad()):
    mine(torch.ones(1, 1)).sum().backward()
print("expected:", "grad_batch")
print("actual:  ", "grad_batch" if hasattr(mine.weight, "grad_batch") else "no grad_batch")  # no grad_batch
