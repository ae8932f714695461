import torch
from laplace.curvature import AsdlGGN

model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Flatten())
model.output_size = 3
print("expected:", "1 sample")
print("actual:  ", AsdlGGN(model, "regression").jacobians(torch.ones(1, 3, 1))[0].shape[0], "samples")  # 3 samples
