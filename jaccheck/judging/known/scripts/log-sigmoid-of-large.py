import torch
from backpack import backpack, extend
from backpack.extensions import DiagHessian

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.LogSigmoid()))
model[0].load_state_dict({"weight": torch.ones(1, 1), "bias": torch.zeros(1)})
loss = extend(torch.nn.MSELoss())(model(torch.tensor([[100.0]])), torch.ones(1, 1))
with backpack(DiagHessian()):
    loss.backward()
print("expected:", 0.0)  # LogSigmoid is flat there
print("actual:  ", model[0].weight.diag_h.item())  # nan
