import torch
from torch.func import functional_call, vmap

model = torch.nn.MultiheadAttention(2, 2, batch_first=True).eval()
parameters = {name: p.detach().expand(1, *p.shape).requires_grad_() for name, p in model.named_parameters()}


def attention(parameters, x):
    return functional_call(model, parameters, (x, x, x))[0]


print("expected:", "no exception")
f = vmap(attention)(parameters, torch.ones(1, 1, 1, 2))
f.sum().backward()  # RuntimeError: derivative for aten::_native_multi_head_attention is not implemented
