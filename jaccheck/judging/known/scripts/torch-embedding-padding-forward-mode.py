import torch

embed = torch.nn.functional.embedding
index, weight = torch.tensor([0]), torch.ones(1, 1)
print("expected:", torch.func.jacrev(lambda w: embed(index, w, padding_idx=0))(weight).item())  # 0.0
print("actual:  ", torch.func.jacfwd(lambda w: embed(index, w, padding_idx=0))(weight).item())  # 1.0
