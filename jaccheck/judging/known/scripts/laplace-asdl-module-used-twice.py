import torch
from laplace.curvature import AsdlGGN

layer = torch.nn.Linear(1, 1, bias=False)
torch.nn.init.constant_(layer.weight, 3.0)
model = torch.nn.Sequential(layer, layer)
model.output_size = 1
model(torch.ones(1, 1)).sum().backward()
print("expected:", layer.weight.grad.item())  # 6.0
print("actual:  ", AsdlGGN(model, "regression").jacobians(torch.ones(1, 1))[0].item())  # 12.0
