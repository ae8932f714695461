import torch
from backpack.hessianfree.rop import jacobian_vector_product
from torch import nn

layer = nn.Linear(1, 1)
f = layer(torch.ones(1, 1))
print("expected:", "no exception")
jacobian_vector_product([f, 2 * f], [layer.weight], [torch.ones(1, 1)])  # TypeError: zeros_like()
