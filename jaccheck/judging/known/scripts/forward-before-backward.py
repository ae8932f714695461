import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Linear(1, 1, bias=False))
output = model(torch.tensor([[1.0]])).sum()
model(torch.tensor([[5.0]]))  # with gradients, as in a second term of a loss
with backpack(BatchGrad()):
    output.backward()
print("expected:", model.weight.grad.item())  # 1.0
print("actual:  ", model.weight.grad_batch.item())  # 5.0
