import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Embedding(2, 2, dtype=torch.float64))
output = model(torch.tensor([[0, 1]])).sum()
print("expected:", "no exception")
with backpack(BatchGrad()):
    output.backward()  # RuntimeError: expected scalar type Float but found Double
