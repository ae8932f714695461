from backpack import backpack
from backpack.context import CTX
from backpack.extensions import BatchGrad

context = backpack(BatchGrad())
with context, context:
    pass
print("expected:", 0, "active extensions")  # 0 active extensions
print("actual:  ", len(CTX.active_exts), "active extensions")  # 1 active extensions
