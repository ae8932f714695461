import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

below, above, mse = (extend(each) for each in (torch.nn.Linear(1, 2), torch.nn.Linear(1, 1), torch.nn.MSELoss()))
f = above(below(torch.tensor([[1.0]]))[:, :1])
with backpack(DiagGGNExact()):
    mse(f, torch.tensor([[0.0]])).backward()
print("expected:", (2, 1))  # as the weight, with a second row of 0
print("actual:  ", tuple(below.weight.diag_ggn_exact.shape))  # (1, 1)
