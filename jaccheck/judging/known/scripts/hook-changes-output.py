import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Identity()))
model[0].register_forward_hook(lambda module, inputs, output: 2 * output)
with backpack(BatchGrad()):
    model(torch.tensor([[1.0]])).sum().backward()
print("expected:", model[0].weight.grad.item())
print("actual:  ", model[0].weight.grad_batch.sum().item())  # 1.0
