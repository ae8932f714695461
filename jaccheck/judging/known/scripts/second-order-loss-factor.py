import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model, mse = extend(torch.nn.Linear(1, 1)), extend(torch.nn.MSELoss())
loss = 10 * mse(model(torch.tensor([[1.0]])), torch.tensor([[0.0]]))
with backpack(DiagGGNExact()):
    loss.backward()
print("expected:", 20.0)  # ten times 2
print("actual:  ", round(model.weight.diag_ggn_exact.item(), 3))  # 2.0
