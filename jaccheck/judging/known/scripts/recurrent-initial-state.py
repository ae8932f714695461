import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

rnn, X, state = torch.nn.RNN(1, 1, batch_first=True), torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
for p in rnn.parameters():
    torch.nn.init.zeros_(p)
print("expected:", torch.autograd.grad(rnn(X, state)[0].sum(), rnn.weight_hh_l0)[0].tolist())
output = extend(rnn)(X, state)[0]
with backpack(BatchGrad()):
    output.sum().backward()
print("actual:  ", rnn.weight_hh_l0.grad_batch[0].tolist())  # [[0.0]]
