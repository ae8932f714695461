import torch
from backpack import disable, extend

model = extend(torch.nn.Linear(1, 1))
context = disable()
with context, context:
    pass
model(torch.ones(1, 1))
print("expected:", "the input is stored")
print("actual:  ", "the input is stored" if hasattr(model, "input0") else "nothing is stored")  # nothing is stored
