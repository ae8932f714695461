import torch
from torch.func import functional_call, grad

model = torch.nn.LSTM(1, 1)
parameters = {name: p.detach() for name, p in model.named_parameters()}
gradients = grad(lambda θ: functional_call(model, θ, torch.ones(1, 1, 1))[0].sum())(parameters)
is_one = gradients["bias_ih_l0"].data_ptr() == gradients["bias_hh_l0"].data_ptr()
print("expected:", "two tensors")
print("actual:  ", "one tensor" if is_one else "two tensors")  # one tensor
