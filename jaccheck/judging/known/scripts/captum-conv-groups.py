import torch
from captum._utils.sample_gradient import SampleGradientWrapper

model = torch.nn.Conv2d(2, 2, 1, groups=2)
wrapper = SampleGradientWrapper(model)
wrapper.add_hooks()
output = model(torch.ones(1, 2, 1, 1, requires_grad=True)).sum()
print("expected:", "no exception")
wrapper.compute_param_sample_gradients(output, loss_mode="sum")  # RuntimeError: shape
