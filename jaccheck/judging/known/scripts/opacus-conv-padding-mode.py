import torch
from opacus import GradSampleModule

model = GradSampleModule(torch.nn.Conv1d(1, 1, 2, padding=1, padding_mode="circular", bias=False))
model(torch.tensor([[[1.0, 2.0, 3.0]]])).sum().backward()
(weight,) = model.parameters()
print("expected:", weight.grad.tolist())  # [[[9.0, 7.0]]]
print("actual:  ", weight.grad_sample[0].tolist())  # [[[6.0, 6.0]]]
