import torch
from backpack import backpack, extend
from backpack.custom_module.branching import Parallel
from backpack.custom_module.slicing import Slicing
from backpack.extensions import SqrtGGNExact

branches = Parallel(Slicing((slice(None), slice(0, 2))), torch.nn.Linear(3, 2))
model = extend(torch.nn.Sequential(torch.nn.Linear(1, 3), branches))
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1)), torch.ones(1, 2))
print("expected:", "no exception")
with backpack(SqrtGGNExact()):
    loss.backward()  # RuntimeError: The size of tensor
