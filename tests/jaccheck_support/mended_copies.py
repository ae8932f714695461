"""Known issues of BackPACK 1.7.1, mended by hand as a release would, and the methods that show it."""

from __future__ import annotations

from jaccheck_support.mutated_copies import BATCH_GRAD, ROOT, SQRT_GGN, BackpackMutant, Edit

POOL, EMBEDDING = "core/derivatives/avgpoolnd.py", "core/derivatives/embedding.py"
SLICING = "core/derivatives/slicing.py"

MENDED = BackpackMutant(
    "three_issues_mended",
    "control",
    (
        # embedding-dtype: the mask of indices in the dtype of what it is multiplied with
        Edit(EMBEDDING, "*input0.shape, device=mat.device)", "*input0.shape, device=mat.device, dtype=mat.dtype)"),
        # avg-pool-random-state: nothing is initialised, so nothing is drawn
        Edit(
            POOL,
            "convnd_t = self.convt(\n",
            'convnd_t = __import__("torch").nn.utils.skip_init(\n            self.convt,\n',
        ),
        # avg-pool-divisor, and with it avg-pool-dtype
        Edit(
            POOL,
            "avg_kernel = ones_like(convnd_t.weight) / convnd_t.weight.numel()",
            "divisor = getattr(module, 'divisor_override', None) or convnd_t.weight.numel()\n"
            "        avg_kernel = ones_like(convnd_t.weight, dtype=mat.dtype) / divisor",
        ),
    ),
    (*BATCH_GRAD, *SQRT_GGN),
    "embedding-dtype, avg-pool-random-state, avg-pool-divisor, avg-pool-dtype",
)
"""Each of these was wrong, and is right: the gate must call it fixed, and nothing broken."""

MENDED_USES = BackpackMutant(
    "three_issues_of_uses_mended",
    "control",
    (
        # inner-context-replaces-outer: extensions of the contexts around are active, too
        Edit(ROOT, "CTX.set_active_exts(self.exts)", "CTX.set_active_exts((*CTX.get_active_exts(), *self.exts))"),
        # disable-entered-again: what was set before is kept for each entry
        Edit(
            ROOT,
            "self.old_store_io: bool = disable.store_io",
            'self.__dict__.setdefault("before", []).append(disable.store_io)',
        ),
        Edit(ROOT, "disable.store_io = self.old_store_io", "disable.store_io = self.before.pop()"),
        # slicing-repeated-indices: what goes to one place is added up
        Edit(
            SLICING,
            "        result[(slice(None),) + module.slice_info] = mat\n",
            "        numbers = __import__('torch').arange(input0[0].numel(), device=input0.device)\n"
            "        places = numbers.reshape(input0.shape[1:])[module.slice_info[1:]].flatten()\n"
            "        result.flatten(2).index_add_(2, places, mat.flatten(2))\n",
        ),
    ),
    (*BATCH_GRAD, *SQRT_GGN),
    "inner-context-replaces-outer, disable-entered-again, slicing-repeated-indices",
)
"""The first two show in sequences of calls only."""
