import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model, loss = extend(torch.nn.Linear(1, 2, bias=False)), extend(torch.nn.CrossEntropyLoss())
torch.nn.init.zeros_(model.weight)
with backpack(DiagGGNExact()):
    loss(model(torch.tensor([[1.0], [2.0]])), torch.tensor([0, -100])).backward()
print("expected:", [0.25, 0.25])  # p (1 - p) x² of the first sample alone
print("actual:  ", [round(entry, 3) for entry in model.weight.diag_ggn_exact.flatten().tolist()])  # [0.625, 0.625]
