import os

os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE"  # for a newer processor to show it, too
import torch

torch.set_num_threads(1)
X, weight = torch.ones(1, 2, 5, dtype=torch.bfloat16), torch.ones(66, 2, 1, dtype=torch.bfloat16)
print("expected:", [2.0])
print("actual:  ", torch.conv1d(X, weight).unique().tolist())  # [1.0, 2.0]
