import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)))
output = model(torch.ones(1, 1)).sum()
with backpack(BatchGrad()):
    output.backward(inputs=[model[1].weight])
print("expected:", "grad and grad_batch")
print("actual:  ", "grad", "and grad_batch" if hasattr(model[1].weight, "grad_batch") else "alone")  # grad alone
