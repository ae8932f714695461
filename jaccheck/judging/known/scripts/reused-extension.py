import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model = extend(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1, bias=False)))
torch.nn.init.ones_(model[0].weight), torch.nn.init.zeros_(model[0].bias)
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1)), torch.zeros(1, 1))
extension = DiagGGNExact()
with backpack(extension, retain_graph=True):
    loss.backward(inputs=[model[1].weight], retain_graph=True)
    loss.backward(retain_graph=True)
print("expected:", 2.0)  # the loss is w², with one for the output of the first layer
print("actual:  ", round(model[1].weight.diag_ggn_exact.item(), 3))  # 8.0
