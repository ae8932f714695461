import torch
from backpack import backpack, extend
from backpack.custom_module.slicing import Slicing
from backpack.extensions import SqrtGGNExact

first, last, X = torch.nn.Linear(1, 1), torch.nn.Linear(2, 1), torch.ones(1, 1)
torch.nn.init.ones_(last.weight)
model = torch.nn.Sequential(first, Slicing((slice(None), [0, 0])), last)
print("expected:", torch.autograd.grad(model(X), first.bias)[0].tolist())
loss = extend(torch.nn.MSELoss(reduction="sum"))(extend(model)(X), torch.zeros(1, 1))
with backpack(SqrtGGNExact()):
    loss.backward()
print("actual:  ", [round(x, 4) for x in (first.bias.sqrt_ggn_exact.flatten() / 2**0.5).tolist()])  # [1.0]
