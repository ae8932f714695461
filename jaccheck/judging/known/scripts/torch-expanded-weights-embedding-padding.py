import torch
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

model = torch.nn.Embedding(1, 1, padding_idx=0)
index = torch.tensor([[0]])
(expected,) = torch.autograd.grad(model(index).sum(), model.weight)
call_for_per_sample_grads(model)(index).sum().backward()
print("expected:", expected.item())  # 0.0
print("actual:  ", model.weight.grad_sample[0].item())  # 1.0
