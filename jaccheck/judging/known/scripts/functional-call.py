import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Linear(1, 1))
own = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
with backpack(BatchGrad()):
    torch.func.functional_call(model, own, (torch.tensor([[1.0]]),)).sum().backward()
print("expected:", (True, False))
print("actual:  ", (hasattr(own["weight"], "grad_batch"), hasattr(model.weight, "grad_batch")))  # (False, True)
