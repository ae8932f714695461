import torch
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads
from torch.nn.utils.rnn import pack_padded_sequence


class Summed(torch.nn.RNN):
    def forward(self, X):
        return super().forward(pack_padded_sequence(X, (X != 0).sum((1, 2)), True, enforce_sorted=False))[0].data.sum()


rnn, X = Summed(1, 1), torch.tensor([[[1.0], [0.0]], [[2.0], [3.0]]])  # one step, and two
rnn.load_state_dict({name: torch.zeros_like(p) for name, p in rnn.named_parameters()})
print("expected:", [torch.autograd.grad(rnn(x[None]), rnn.weight_ih_l0)[0].item() for x in X])
call_for_per_sample_grads(rnn, batch_size=2, loss_reduction="sum")(X).backward()
print("actual:  ", rnn.weight_ih_l0.grad_sample.flatten().tolist())  # [5.0, 1.0]
