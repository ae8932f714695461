import torch

X = torch.ones(1, 2, dtype=torch.float16)
weight = torch.ones(2, dtype=torch.float16, requires_grad=True)


def output(w):
    return torch.nn.functional.group_norm(X * w, 1).sum()


print("expected:", torch.autograd.grad(output(weight), weight)[0].tolist())  # [0.0, 0.0]
print("actual:  ", torch.func.grad(output)(weight.detach()).tolist())  # [nan, nan]
