import torch
import torch_xla


def slope(device):
    x = torch.ones(1, device=device)
    return torch.func.vjp(torch.nn.functional.selu, x)[1](torch.ones_like(x))[0].tolist()


torch.ones(1, device=torch_xla.device())
print("expected:", slope("cpu"))  # [1.0507010221481323]
print("actual:  ", slope("xla"))  # [0.0]
