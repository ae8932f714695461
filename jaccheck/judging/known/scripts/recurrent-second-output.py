import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

rnn, X = torch.nn.RNN(1, 1, batch_first=True), torch.zeros(1, 1, 1)
for p in rnn.parameters():
    torch.nn.init.zeros_(p)
print("expected:", torch.autograd.grad(sum(rnn(X)).sum(), rnn.bias_ih_l0)[0].tolist())
outputs, state = extend(rnn)(X)
with backpack(BatchGrad()):
    (outputs + state).sum().backward()
print("actual:  ", rnn.bias_ih_l0.grad_batch[0].tolist())  # [1.0]
