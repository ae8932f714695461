import torch
from backpack import backpack, extend
from backpack.custom_module.permute import Permute
from backpack.extensions import DiagGGNExact

found, X, y = [], torch.arange(8.0).reshape(2, 2, 2), torch.zeros(2, 4)
for axes in ((0, 2, 1), (0, -1, -2)):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), Permute(*axes), torch.nn.Flatten(), torch.nn.Linear(4, 4))
    loss = extend(torch.nn.MSELoss())(extend(model)(X), y)
    with backpack(DiagGGNExact()):
        loss.backward()
    found.append(model[0].weight.diag_ggn_exact)
print("expected:", "the same")  # the two are one permutation
print("actual:  ", "the same" if torch.allclose(*found) else "not the same")  # not the same
