import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Conv1d(1, 1, 2, padding=1, padding_mode="circular", bias=False))
with backpack(BatchGrad()):
    model(torch.tensor([[[1.0, 2.0, 3.0]]])).sum().backward()
print("expected:", model.weight.grad.tolist())  # [[[9.0, 7.0]]]
print("actual:  ", model.weight.grad_batch[0].tolist())  # [[[6.0, 6.0]]]
