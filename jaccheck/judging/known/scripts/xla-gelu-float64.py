import torch
import torch_xla


def digits(device):
    x = torch.tensor(-0.7, dtype=torch.float64, device=device)
    return f"{torch.nn.functional.gelu(x).item():.12f}"


torch.ones(1, device=torch_xla.device())
print("expected:", digits("cpu"))  # -0.169374556556
print("actual:  ", digits("xla"))  # -0.169374559175
