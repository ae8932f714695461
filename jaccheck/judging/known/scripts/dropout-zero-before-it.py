import torch
from backpack import backpack, extend
from backpack.extensions import SqrtGGNExact

layer, X = torch.nn.Linear(1, 1), torch.zeros(1, 1)
torch.nn.init.zeros_(layer.bias)
model = torch.nn.Sequential(layer, torch.nn.Dropout(p=0.0))  # in training mode
print("expected:", torch.autograd.grad(model(X), layer.bias)[0].tolist())
loss = extend(torch.nn.MSELoss(reduction="sum"))(extend(model)(X), torch.zeros(1, 1))
with backpack(SqrtGGNExact()):
    loss.backward()
print("actual:  ", (layer.bias.sqrt_ggn_exact.flatten() / 2**0.5).tolist())  # [0.0]
