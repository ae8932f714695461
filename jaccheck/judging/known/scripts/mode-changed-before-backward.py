import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.BatchNorm1d(1))
loss = model(torch.tensor([[1.0], [5.0]])).pow(3).sum()
model.eval()
with backpack(BatchGrad()):
    loss.backward()
print("expected:", round(model.weight.grad.item(), 1))
print("actual:  ", round(model.weight.grad_batch.sum().item(), 1))  # 12.4
