import gc
import weakref

import torch
from backpack import extend

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)))
model(torch.ones(1, 1))
module = weakref.ref(model[1])
del model
gc.collect()
print("expected:", "freed")
print("actual:  ", "freed" if module() is None else "still in memory")  # still in memory
