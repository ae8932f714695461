import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

norm = extend(torch.nn.BatchNorm1d(1, eps=0.0)).eval()
loss = norm(torch.tensor([[1.0], [2.0]])).sum()
norm.running_var = torch.tensor([9.0])
with backpack(BatchGrad()):
    loss.backward()
print("expected:", norm.weight.grad.item())  # 3.0
print("actual:  ", round(norm.weight.grad_batch.sum().item(), 3))  # 1.0
