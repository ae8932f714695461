import os

os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE"  # for a newer processor to show it, too
import torch

model = torch.nn.ConvTranspose1d(16, 16, 3, stride=2, padding=2, bias=False, dtype=torch.bfloat16)
model(torch.ones(1, 16, 2, dtype=torch.bfloat16)).sum().backward()
# What was in memory is by chance zero; MALLOC_PERTURB_=1 in the environment of Python fills it with other values.
print("expected:", "zeros")
print("actual:  ", "zeros" if (model.weight.grad[:, :, 1] == 0).all() else "not written")  # not written
