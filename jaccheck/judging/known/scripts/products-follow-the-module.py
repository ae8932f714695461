import torch
from backpack import backpack, extend
from backpack.extensions import HMP

model, mse, v = extend(torch.nn.Linear(1, 1)), extend(torch.nn.MSELoss()), torch.ones(1, 1, 1)
loss = mse(model(torch.tensor([[1.0]])), torch.tensor([[0.0]]))
with backpack(HMP()):
    loss.backward()
product = model.weight.hmp
model(torch.tensor([[5.0]]))
print("expected:", 2.0)  # the Hessian of the loss
print("actual:  ", round(product(v).item(), 3))  # 50.0
