from backpack import backpack
from backpack.context import CTX
from backpack.extensions import BatchGrad, BatchL2Grad

first, second = backpack(BatchGrad()), backpack(BatchL2Grad())
for context in (first, second):
    context.__enter__()
for context in (first, second):  # as two generators may
    context.__exit__(None, None, None)
print("expected:", [])
print("actual:  ", [type(each).__name__ for each in CTX.active_exts])  # ['BatchGrad']
