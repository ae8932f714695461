import torch
from backpack import backpack, extend
from backpack.extensions import SqrtGGNExact

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Flatten(), torch.nn.Linear(2, 1)))
loss = extend(torch.nn.MSELoss())(model(torch.ones(3, 2, 1)), torch.zeros(3, 1))
print("expected:", "sqrt_ggn_exact of shape (1, 0, 1, 1), as without the Flatten")
with backpack(SqrtGGNExact(subsampling=[])):
    loss.backward()  # RuntimeError: cannot reshape tensor of 0 elements into shape [-1, 0, 2, 1]
