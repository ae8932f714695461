import torch
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

model = torch.nn.Conv3d(2, 2, (1, 2, 1), dilation=(1, 2, 1), groups=2)
output = call_for_per_sample_grads(model)(torch.ones(2, 2, 2, 3, 2)).sum()
print("expected:", "no exception")
output.backward()  # NotImplementedError: dilation=(1, 2, 1) not supported.
