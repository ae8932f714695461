import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

layer = extend(torch.nn.ConvTranspose1d(1, 1, 2, stride=2))
value = layer(torch.ones(2, 1, 3), [7]).sum()
print("expected:", "no exception")
with backpack(BatchGrad()):
    value.backward()  # RuntimeError: shape
