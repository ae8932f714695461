import torch
from backpack import backpack, extend
from backpack.extensions import SqrtGGNExact

model, mse = extend(torch.nn.Linear(1, 1)), extend(torch.nn.MSELoss())
with backpack(SqrtGGNExact()):
    mse(model(torch.tensor([[1.0], [2.0]])), torch.zeros(2, 1)).backward()
root = model.bias.sqrt_ggn_exact
root[:, 0] = 5.0  # of the first sample
print("expected:", 1.0)
print("actual:  ", root[0, 1, 0].item())  # 5.0
