import torch
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

model = torch.nn.LSTM(1, 1, batch_first=True)
print("expected:", "no exception")
call_for_per_sample_grads(model)(torch.ones(2, 1, 1))  # RuntimeError: Expanded Weights encountered but
