import torch
from backpack.utils.kroneckers import inv_kfacs

torch.manual_seed(0)
factors = [torch.outer(v, v) for v in torch.randn(20, 5)]  # those of one sample: no eigenvalue is below 0
lowest = min(torch.linalg.eigvalsh(inverse.double()).min() for inverse in inv_kfacs(factors))
print("expected:", "no eigenvalue below 0 by more than rounding")
print("actual:  ", "one below -10 million" if lowest < -1e7 else "none")  # one below -10 million
