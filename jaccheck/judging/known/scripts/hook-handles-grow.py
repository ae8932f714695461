import gc

import torch
from backpack import extend
from backpack.context import CTX

for _ in range(100):
    extend(torch.nn.Linear(1, 1))
gc.collect()
print("expected:", 0, "handles")  # 0 handles
print("actual:  ", len(CTX.hook_handles), "handles")  # 200 handles
