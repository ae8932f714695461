import copy

import torch
from backpack import extend
from backpack.context import CTX

first = extend(torch.nn.Linear(1, 1))
second = copy.deepcopy(first)
CTX.remove_hooks()
print("expected:", (0, 0))
print("actual:  ", (len(first._forward_hooks), len(second._forward_hooks)))  # (0, 1)
