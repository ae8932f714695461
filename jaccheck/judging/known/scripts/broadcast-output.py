import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model, mse = extend(torch.nn.Linear(1, 1)), extend(torch.nn.MSELoss(reduction="sum"))
loss = mse(model(torch.tensor([[1.0]])), torch.tensor([[0.0, 1.0, 2.0]]))
with backpack(DiagGGNExact()):
    loss.backward()
print("expected:", 6.0)  # 2 for each of three targets
print("actual:  ", round(model.weight.diag_ggn_exact.item(), 3))  # 2.0
