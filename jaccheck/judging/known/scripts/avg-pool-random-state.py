import torch
from backpack import backpack, extend
from backpack.extensions import DiagGGNExact

model = extend(torch.nn.Sequential(torch.nn.Conv1d(1, 1, 1), torch.nn.AvgPool1d(2), torch.nn.Flatten()))
loss = extend(torch.nn.MSELoss())(model(torch.ones(1, 1, 2)), torch.zeros(1, 1))
before = torch.get_rng_state()
with backpack(DiagGGNExact()):
    loss.backward()
print("expected:", "same random state")
is_same = torch.equal(before, torch.get_rng_state())
print("actual:  ", "same" if is_same else "another", "random state")  # another random state
