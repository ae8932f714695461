import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)))
model[1].weight.data = torch.tensor([[1.0]])
loss = extend(torch.nn.MSELoss())(model(torch.tensor([[1.0]])), torch.tensor([[0.0]]))
model[1].weight.data = torch.tensor([[3.0]])
with backpack(DiagGGNExact()):
    loss.backward()
print("expected:", 2.0)  # with the weight of the forward pass, as model[0].weight.grad
print("actual:  ", round(model[0].weight.diag_ggn_exact.item(), 3))  # 18.0
