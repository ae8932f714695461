import torch
from opacus import GradSampleModule

model = GradSampleModule(torch.nn.Conv2d(1, 1, 2, bias=False))
X = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).T[None, None]  # another order in memory, as channels_last has
model(X).sum().backward()
(weight,) = model.parameters()
print("expected:", weight.grad[0].tolist())  # [[[1.0, 3.0], [2.0, 4.0]]]
print("actual:  ", weight.grad_sample[0, 0].tolist())  # [[[1.0, 2.0], [3.0, 4.0]]]
