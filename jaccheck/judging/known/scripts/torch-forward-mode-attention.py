import torch

model = torch.nn.MultiheadAttention(1, 1)
jacobian = torch.func.jacfwd(lambda x: model(x, x, x, need_weights=False)[0])
print("expected:", "no exception")
jacobian(torch.ones(1, 1, 1))  # NotImplementedError: Trying to use forward AD
