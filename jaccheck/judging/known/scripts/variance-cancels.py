import torch
from backpack import backpack, extend
from backpack.extensions import Variance

layer = extend(torch.nn.Linear(1, 1, bias=False))
X = torch.tensor([[1000.0], [1000.01], [1000.02]])  # the gradients of the three samples
with backpack(Variance()):
    layer(X).sum().backward()
print("expected:", "nearly 7e-05" if 6e-5 < X.double().var(0, correction=0).item() < 8e-5 else "something else")
print("actual:  ", "nearly 7e-05" if 6e-5 < layer.weight.variance.item() < 8e-5 else "far off")  # far off
