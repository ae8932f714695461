import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Linear(1, 1))
model(torch.tensor([[5.0]]))
loss = model(input=torch.tensor([[1.0]])).sum()
with backpack(BatchGrad()):
    loss.backward()
print("expected:", model.weight.grad.item())
print("actual:  ", model.weight.grad_batch.sum().item())  # 5.0
