import torch
from torch.func import jacfwd, jacrev

zero, slope = torch.zeros(1), torch.full((1,), 0.5)
print("expected:", jacrev(torch.nn.functional.prelu)(zero, slope).item())  # 0.5
print("actual:  ", jacfwd(torch.nn.functional.prelu)(zero, slope).item())  # 1.0
