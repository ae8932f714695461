import torch

A, B = torch.ones(297, 5, dtype=torch.bfloat16), torch.ones(16, 5, dtype=torch.bfloat16).T
A[1] = torch.nan
print("expected:", [5.0])
print("actual:  ", torch.mm(A, B)[0].unique().tolist()[:1])  # [nan]
