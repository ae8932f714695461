import torch
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

norm = torch.nn.InstanceNorm1d(1, affine=True, track_running_stats=True).eval()
X = torch.tensor([[[1.0, 2.0]], [[3.0, 5.0]]])  # the running mean is 0, the running variance 1
print("expected:", [torch.autograd.grad(norm(x[None]).sum(), norm.weight)[0].item() for x in X])
call_for_per_sample_grads(norm, batch_size=2, loss_reduction="sum")(X).sum().backward()
print("actual:  ", norm.weight.grad_sample.flatten().tolist())  # [0.0, 0.0]
