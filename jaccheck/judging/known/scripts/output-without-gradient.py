import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad


class Heads(torch.nn.ModuleList):
    def forward(self, X):
        return self[0](X), self[1](X)


output, _ = extend(Heads([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)]))(torch.ones(1, 1))
print("expected:", "no exception")
with backpack(BatchGrad()):
    output.sum().backward()  # AttributeError: 'NoneType' object has no attribute 'shape'
