import torch
from laplace.curvature import AsdlGGN

conv = torch.nn.Conv2d(1, 1, 1, padding=1, padding_mode="replicate", bias=False)
model = torch.nn.Sequential(conv, torch.nn.Flatten())
model.output_size = 9
jacobian, _ = AsdlGGN(model, "regression").jacobians(torch.ones(1, 1, 1, 1))
print("expected:", [1.0] * 9)  # every pixel around the only one is a copy of it
print("actual:  ", jacobian.flatten().tolist())  # [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
