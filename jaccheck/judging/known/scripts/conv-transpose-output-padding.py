import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.ConvTranspose1d(1, 1, 2, stride=2, output_padding=1))
output = model(torch.ones(1, 1, 3)).sum()
print("expected:", "no exception")
with backpack(BatchGrad()):
    output.backward()  # RuntimeError: shape '[1, 1, 1, 2, 7]' is invalid for input of size 12
