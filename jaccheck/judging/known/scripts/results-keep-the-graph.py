import gc
import weakref

import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Tanh()))
with backpack(BatchGrad()):
    torch.autograd.grad(model(torch.tensor([[1.0]])).sum(), list(model.parameters()), create_graph=True)
reference = weakref.ref(model[0].weight)
del model
gc.collect()
print("expected:", "freed")
print("actual:  ", "freed" if reference() is None else "never freed")  # never freed
