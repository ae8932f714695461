import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

X = torch.tensor([[1.0]])
for factor in (1.0, 10.0):
    model, entropy = extend(torch.nn.Linear(1, 2)), extend(torch.nn.CrossEntropyLoss())
    model.load_state_dict({"weight": torch.zeros(2, 1), "bias": torch.zeros(2)})
    with backpack(DiagGGNExact()):
        entropy(model(X), factor * torch.tensor([[0.5, 0.5]])).backward()
print("expected:", 2.5)  # ten times 1/4
print("actual:  ", round(model.weight.diag_ggn_exact[0].item(), 3))  # 0.25
