import torch
from backpack.hessianfree.hvp import hessian_vector_product
from torch import nn

layer = nn.Linear(1, 1)
print("expected:", "no exception, and zeros")
hessian_vector_product(layer(torch.ones(1, 1)).sum(), [layer.weight], [torch.ones(1, 1)])  # RuntimeError: element 0
