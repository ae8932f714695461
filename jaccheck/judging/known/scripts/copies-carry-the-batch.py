import pickle

import torch
from backpack import extend

model = extend(torch.nn.Linear(1, 1))
model(torch.ones(1, 1))
copied = pickle.loads(pickle.dumps(model))
print("expected:", "no batch")
print("actual:  ", "the batch" if hasattr(copied, "input0") else "no batch")  # the batch
