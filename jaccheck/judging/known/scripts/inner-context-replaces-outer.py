import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad, BatchL2Grad

model = extend(torch.nn.Linear(1, 1))
with backpack(BatchGrad()):
    with backpack(BatchL2Grad()):
        model(torch.ones(1, 1)).sum().backward()
print("expected:", ["grad_batch", "batch_l2"])
print("actual:  ", [name for name in ("grad_batch", "batch_l2") if hasattr(model.weight, name)])  # ['batch_l2']
