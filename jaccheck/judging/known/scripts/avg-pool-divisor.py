import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

pool = torch.nn.AvgPool2d(2, divisor_override=1)
model = extend(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1, bias=False), pool, torch.nn.Flatten()))
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1, 2, 2)), torch.zeros(1, 1))
with backpack(DiagGGNExact()):
    loss.backward()
print("expected:", 32.0)  # the loss is (4w)², so its second derivative is 32
print("actual:  ", round(model[0].weight.diag_ggn_exact.item(), 3))  # 2.0
