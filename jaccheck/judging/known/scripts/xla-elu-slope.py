import torch
import torch_xla


def slopes(device):
    x = torch.tensor([0.5, -1.0], device=device, requires_grad=True)
    return torch.autograd.grad(torch.nn.functional.elu(x).sum(), x)[0].tolist()


torch.ones(1, device=torch_xla.device())
print("expected:", slopes("cpu"))  # [1.0, 0.3678794503211975]
print("actual:  ", slopes("xla"))  # [1.0, 0.0]
