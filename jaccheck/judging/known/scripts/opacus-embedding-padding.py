import torch
from opacus import GradSampleModule

model = GradSampleModule(torch.nn.Embedding(1, 1, padding_idx=0))
model(torch.tensor([[0]])).sum().backward()
(weight,) = model.parameters()
print("expected:", weight.grad.item())  # 0.0
print("actual:  ", weight.grad_sample[0].item())  # 1.0
