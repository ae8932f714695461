import torch
import torch_xla

x = torch.rand(1, 1, 2, 2, device=torch_xla.device())
f, pull = torch.func.vjp(torch.nn.MaxPool2d(2), x)
print("expected:", "no exception")
pull(torch.ones_like(f))  # RuntimeError: cannot use C++ torch::autograd::Function with functorch transforms
