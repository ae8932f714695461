import torch
from captum._utils.sample_gradient import SampleGradientWrapper

model = torch.nn.Conv2d(1, 1, 1, padding=1, padding_mode="replicate", bias=False)
wrapper = SampleGradientWrapper(model)
wrapper.add_hooks()
output = model(torch.ones(1, 1, 1, 1, requires_grad=True))
wrapper.compute_param_sample_gradients(output.sum(), loss_mode="sum")
print("expected:", model.weight.grad.item())  # 9.0
print("actual:  ", model.weight.sample_grad.item())  # 1.0
