import torch
from torch.nn.functional import conv1d, pad

X, weight = torch.ones(1, 1, 2), torch.ones(1, 1, 1)
_, linear = torch.func.linearize(lambda w: conv1d(pad(X, (1, 1), mode="circular"), w), weight)
# What was in memory is by chance right; MALLOC_PERTURB_=1 in the environment of Python fills it with other values.
is_right = bool((linear(torch.ones(1, 1, 1)) == 1).all())
print("expected:", "ones")
print("actual:  ", "ones" if is_right else "uninitialised memory")  # uninitialised memory
