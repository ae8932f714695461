import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact
from torch.utils.checkpoint import checkpoint

layers = (torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
model, last = extend(torch.nn.Sequential(*layers)), extend(torch.nn.Linear(1, 1))
f = last(checkpoint(model, torch.tensor([[1.0]]), use_reentrant=False))
loss = extend(torch.nn.MSELoss())(f, torch.tensor([[0.0]]))
print("expected:", "model[0].weight.diag_ggn_exact")
with backpack(DiagGGNExact()):
    loss.backward()  # AssertionError: BackPACK extension expects a backpropagation quantity but it is None.
