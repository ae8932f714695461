import math

import torch

angle = 0.04
A = torch.tensor([[[0.0, -angle], [angle, 0.0]]], dtype=torch.float64)

print("expected:", 0.0)  # how far the sine in a rotation is off, in steps of 1e-12
print("actual:  ", round(abs(torch.linalg.matrix_exp(A)[0, 1, 0].item() - math.sin(angle)) * 1e12, 1))  # 83.3
