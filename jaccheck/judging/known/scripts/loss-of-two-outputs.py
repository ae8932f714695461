import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

trunk, first, second = (extend(torch.nn.Linear(1, 1, bias=False)) for _ in range(3))
second.load_state_dict(first.state_dict())
mse = extend(torch.nn.MSELoss())
h = trunk(torch.tensor([[1.0]]))
with backpack(DiagGGNExact()):
    mse(first(h), second(h)).backward()
curvature = trunk.weight.diag_ggn_exact.item() / (2 * first.weight.item() ** 2)
print("expected:", 0.0)  # the two outputs are equal whatever the trunk's weight
print("actual:  ", round(curvature, 3))  # 4.0
