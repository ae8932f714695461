import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model, first, second = (extend(each) for each in (torch.nn.Linear(1, 1), torch.nn.MSELoss(), torch.nn.MSELoss()))
f = model(torch.tensor([[1.0]]))
with backpack(DiagGGNExact()):
    (first(f, torch.tensor([[0.0]])) + second(f, torch.tensor([[1.0]]))).backward()
print("expected:", 4.0)  # 2 of each loss
print("actual:  ", round(model.weight.diag_ggn_exact.item(), 3))  # 8.0
