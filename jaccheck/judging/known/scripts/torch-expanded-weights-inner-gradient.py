import torch
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads


class Slope(torch.nn.Linear):
    def forward(self, X):
        X = X.detach().requires_grad_()
        return torch.autograd.grad(super().forward(X).sum(), X, create_graph=True)[0]


slope, X = Slope(1, 1, bias=False), torch.tensor([[2.0], [3.0]])
print("expected:", [torch.autograd.grad(slope(x[None]).sum(), slope.weight)[0].item() for x in X])
call_for_per_sample_grads(slope, batch_size=2, loss_reduction="sum")(X).sum().backward()
print("actual:  ", slope.weight.grad_sample.flatten().tolist())  # [2.0, 3.0]
