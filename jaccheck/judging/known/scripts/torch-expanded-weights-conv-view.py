import torch
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

model = torch.nn.Conv1d(2, 2, 1)
output = call_for_per_sample_grads(model)(torch.ones(2, 2, 3))
print("expected:", "no exception")
output.backward(torch.ones(2, 3, 2).transpose(1, 2))  # RuntimeError: view size is not compatible
