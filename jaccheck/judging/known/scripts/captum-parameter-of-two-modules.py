import torch
from captum._utils.sample_gradient import SampleGradientWrapper

model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
torch.nn.init.ones_(model[0].weight)
model[1].weight = model[0].weight
wrapper = SampleGradientWrapper(model)
wrapper.add_hooks()
wrapper.compute_param_sample_gradients(model(torch.ones(1, 1, requires_grad=True)).sum(), loss_mode="sum")
print("expected:", model[0].weight.grad.item())  # 2.0
print("actual:  ", model[0].weight.sample_grad.item())  # 1.0
