import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

positions, X = torch.nn.Embedding(2, 1), torch.zeros(2, 2, 1)
output = X + extend(positions)(torch.tensor([0, 1]))
print("expected:", [[1.0, 1.0], [1.0, 1.0]])  # both rows are used by both samples
with backpack(BatchGrad()):
    output.sum().backward()
print("actual:  ", positions.weight.grad_batch.flatten(1).tolist())  # [[2.0, 0.0], [0.0, 2.0]]
