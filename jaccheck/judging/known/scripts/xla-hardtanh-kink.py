import torch
import torch_xla


def slopes(device):
    x = torch.tensor([-1.0, 0.5, 1.0], device=device, requires_grad=True)
    return torch.autograd.grad(torch.nn.functional.hardtanh(x).sum(), x)[0].tolist()


torch.ones(1, device=torch_xla.device())
print("expected:", slopes("cpu"))  # [0.0, 1.0, 0.0]
print("actual:  ", slopes("xla"))  # [1.0, 1.0, 1.0]
