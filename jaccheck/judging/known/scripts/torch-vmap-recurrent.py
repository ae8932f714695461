import torch
from torch.func import functional_call, jacrev, vmap

model = torch.nn.RNN(1, 1, batch_first=True)
parameters = {name: p.detach() for name, p in model.named_parameters()}
jacobians = vmap(lambda x: jacrev(lambda θ: functional_call(model, θ, x[None])[0])(parameters))
print("expected:", "no exception")
jacobians(torch.ones(2, 1, 1))  # RuntimeError: output with shape
