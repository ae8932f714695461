import torch
import torch_xla

gradient, x = torch.ones(2, 3, 5), torch.ones(2, 1, 5)  # three gradients by the same input, as vmap has them


def backward(device):
    return torch.ops.aten.elu_backward(gradient.to(device), 1.0, 1.0, 1.0, False, x.to(device))


torch_xla.device()
print("expected:", list(backward("cpu").shape))  # [2, 3, 5]
print("actual:  ", list(backward("xla").shape))  # [2, 1, 5]
