import torch


def f(x):
    with torch.no_grad():
        constant = x**2
    return x * constant


x = torch.tensor(1.0)
print("expected:", torch.func.jacrev(f)(x).item())  # 1.0
print("actual:  ", torch.func.jacfwd(f)(x).item())  # 3.0
