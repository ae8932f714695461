import torch
from backpack import backpack, extend
from backpack.custom_module.branching import Parallel
from backpack.custom_module.permute import Permute
from backpack.extensions import DiagGGNExact

branches = Parallel(Permute(0, 2, 1), torch.nn.Tanh())
model = extend(torch.nn.Sequential(torch.nn.Conv1d(1, 2, 1), branches, torch.nn.Flatten(), torch.nn.Linear(4, 1)))
torch.nn.init.zeros_(model[0].weight), torch.nn.init.zeros_(model[0].bias)
model[3].weight.data = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1, 2)), torch.zeros(1, 1))
with backpack(DiagGGNExact()):
    loss.backward()
print("expected:", 2.0 * ((1 + 2 + 1 + 3) ** 2 + (3 + 4 + 2 + 4) ** 2))
print("actual:  ", round(model[0].bias.diag_ggn_exact.sum().item(), 3))  # 416.0
