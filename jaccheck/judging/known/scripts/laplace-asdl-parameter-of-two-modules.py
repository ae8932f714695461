import torch
from laplace.curvature import AsdlGGN

model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
model[1].weight = model[0].weight
model.output_size = 1
print("expected:", len(list(model.parameters())), "column")  # 1 column
print("actual:  ", AsdlGGN(model, "regression").jacobians(torch.ones(1, 1))[0].shape[2], "columns")  # 2 columns
