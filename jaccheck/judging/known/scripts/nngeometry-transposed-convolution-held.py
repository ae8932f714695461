import gc
import weakref

import torch
from nngeometry.jacobian import Jacobian
from torch.utils.data import DataLoader, TensorDataset

model = torch.nn.Sequential(torch.nn.ConvTranspose2d(1, 1, 1), torch.nn.Flatten())
Jacobian(model, DataLoader(TensorDataset(torch.ones(1, 1, 1, 1))), function=model).to_torch()
module = weakref.ref(model[0])
del model
gc.collect()
print("expected:", "freed")
print("actual:  ", "freed" if module() is None else "still in memory")  # still in memory
