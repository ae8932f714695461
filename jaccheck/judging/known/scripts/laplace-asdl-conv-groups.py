import torch
from laplace.curvature import AsdlGGN

model = torch.nn.Sequential(torch.nn.Conv2d(2, 2, 1, groups=2, bias=False), torch.nn.Flatten())
model.output_size = 2
print("expected:", "1 sample")
print("actual:  ", AsdlGGN(model, "regression").jacobians(torch.ones(1, 2, 1, 1))[0].shape[0], "samples")  # 2 samples
