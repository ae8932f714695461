import torch
from torch.func import functional_call

model = torch.nn.Module()
model.one = model.other = torch.nn.Linear(1, 1)
model.forward = lambda x: model.one(x)
functional_call(model, {name: p.detach() for name, p in model.named_parameters()}, torch.ones(1, 1))
print("expected:", "Parameter")
print("actual:  ", type(model.one.weight).__name__)  # Tensor
