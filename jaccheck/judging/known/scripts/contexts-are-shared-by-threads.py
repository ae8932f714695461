import threading

import torch
from backpack import backpack, extend
from backpack.extensions import BatchGrad

model = extend(torch.nn.Linear(1, 1))
with backpack(BatchGrad()):
    thread = threading.Thread(target=lambda: model(torch.ones(1, 1)).sum().backward())
    thread.start()
    thread.join()
print("expected:", "no grad_batch")  # the thread has no context
print("actual:  ", "grad_batch" if hasattr(model.weight, "grad_batch") else "no grad_batch")  # grad_batch
