"""Twenty faults planted in the paths that whole uses go through: see `sequence_mutants.py`, which runs them.

Each is a mutant of BackPACK: a context that clears the outer one, a buffer of another batch, a hook run twice, a
loss's factor, a mask drawn again, samples ignored or sorted, an old result kept.
"""

from __future__ import annotations

from jaccheck_support.mutated_copies import MSE, ROOT, SAVE, BackpackMutant, Edit

BATCH_NORM, CROSS_ENTROPY, DROPOUT, PAD, PERMUTE, RNN, SCALE, SLICING = (
    f"core/derivatives/{name}.py"
    for name in (
        "batchnorm_nd",
        "crossentropyloss",
        "dropout",
        "pad",
        "permute",
        "rnn",
        "scale_module",
        "slicing",
    )
)
SUBSAMPLE = "utils/subsampling.py"
SAVED = "extensions/saved_quantities.py"
RETRIEVED = (
    "        get_value = (\n"
    "            self._saved_quantities.pop if delete_old else self._saved_quantities.get\n"
    "        )\n"
)
ROWS = "        return tensor[(slice(None),) * dim + (subsampling,)]"
EXIT = "        CTX.set_active_exts(self.old_CTX)\n"
EACH = "        backpack_extension(module, g_inp, g_out)\n"


def planted(name: str, file: str, old: str, new: str, note: str) -> BackpackMutant:
    """One edit."""
    return BackpackMutant(name, "hard", (Edit(file, old, new),), note=note)


PLANTED = (
    planted(
        "subsampling_sorted",
        SUBSAMPLE,
        ROWS,
        ROWS.replace("subsampling,", "sorted(subsampling),"),
        "rows come by the number of the sample",
    ),
    planted(
        "subsampling_once",
        SUBSAMPLE,
        ROWS,
        ROWS.replace("subsampling,", "list(dict.fromkeys(subsampling)),"),
        "a sample that is asked for twice comes once",
    ),
    planted(
        "subsampling_of_one_ignored",
        SUBSAMPLE,
        "    if subsampling is None:",
        "    if subsampling is None or len(subsampling) == 1:",
        "one sample alone gives all rows",
    ),
    planted(
        "subsampling_none_is_all",
        SUBSAMPLE,
        "    if subsampling is None:",
        "    if not subsampling:",
        "an empty list gives all rows",
    ),
    planted(
        "factor_of_active_samples",
        MSE,
        "            scale /= sqrt(input0.numel())",
        "            scale /= sqrt(N_active * D)",
        "the mean over the samples that were asked for",
    ),
    planted(
        "cross_entropy_sum_divided",
        CROSS_ENTROPY,
        '        sqrt_H = einsum("nc,vnc->vnc", tau, Id_tautau)\n\n        if module.reduction == "mean":',
        '        sqrt_H = einsum("nc,vnc->vnc", tau, Id_tautau)\n\n        if module.reduction in ("mean", "sum"):',
        "a sum of losses has the factor of a mean",
    ),
    planted(
        "inner_exit_clears_outer",
        ROOT,
        EXIT,
        "        CTX.set_active_exts(())\n",
        "leaving an inner context turns the outer one off",
    ),
    planted(
        "hook_run_twice_in_training",
        ROOT,
        EACH,
        EACH
        + "        if module.training and CTX.is_extension_active(extensions.BatchGrad) and hasattr(module, 'p'):\n"
        "            backpack_extension(module, g_inp, g_out)\n",
        "each extension runs twice on Dropout in training mode",
    ),
    planted(
        "input_of_another_batch",
        ROOT,
        '            setattr(module, "input{}".format(i), input[i])\n',
        '            old = module.__dict__.setdefault("_backpack_extend_", {})\n'
        "            old.setdefault(input[i].shape, input[i])\n"
        '            setattr(module, "input{}".format(i), old[input[i].shape] if module.training else input[i])\n',
        "in training mode the first batch of each shape counts for ever",
    ),
    planted(
        "dropout_mask_drawn_again",
        DROPOUT,
        "            mask = 1 - eq(output, 0.0).to(output.dtype)\n",
        "            from torch import rand_like\n\n            mask = (rand_like(output) > module.p) + 0.0\n",
        "the derivative has a mask of its own",
    ),
    planted(
        "dropout_not_scaled",
        DROPOUT,
        "            return mask * scaling",
        "            return mask",
        "the factor 1/(1 - p) is missing",
    ),
    planted(
        "dropout_mode_ignored",
        DROPOUT,
        "        if module.training:",
        "        if True:",
        "evaluation mode counts as training mode",
    ),
    planted(
        "norm_statistics_of_the_batch",
        BATCH_NORM,
        "                ((module.running_var + module.eps) ** (-0.5)) * module.weight,",
        "                ((module.input0.var() + module.eps) ** (-0.5)) * module.weight,",
        "in evaluation mode the batch's own variance is taken",
    ),
    planted(
        "pad_cut_at_the_other_end",
        PAD,
        "slice(pad_start, dim - pad_end)",
        "slice(pad_end, dim - pad_start)",
        "what is on the left is cut off on the right",
    ),
    planted(
        "permuted_twice",
        PERMUTE,
        "for element in argsort(Tensor(module.dims))]",
        "for element in module.dims]",
        "the permutation instead of its inverse: the same for two axes, another for three",
    ),
    planted(
        "scale_forgotten",
        SCALE,
        "            return mat * module.weight",
        "            return mat",
        "ScaleModule counts as Identity",
    ),
    planted(
        "slice_from_zero",
        SLICING,
        "        result[(slice(None),) + module.slice_info] = mat",
        "        result[(slice(None),) + tuple(slice(0, n) for n in mat.shape[1:])] = mat",
        "a slice is put back at the beginning, wherever it came from",
    ),
    planted(
        "recurrent_state_not_shifted",
        RNN,
        "        output_shifted = cat([single_step, output[:, :-1]], dim=1)",
        "        output_shifted = output",
        "the state of this step instead of the one before",
    ),
    planted(
        "quantity_not_taken_away",
        SAVED,
        RETRIEVED,
        "        get_value = self._saved_quantities.get\n",
        "what was backpropagated stays, and is added to in the next pass over the same graph",
    ),
    planted(
        "old_result_kept",
        SAVE,
        "        setattr(getattr(module, param_str), extension.savefield, value)",
        "        old = getattr(getattr(module, param_str), extension.savefield, None)\n"
        "        if old is None or old.shape != value.shape or module.training:\n"
        "            setattr(getattr(module, param_str), extension.savefield, value)",
        "in evaluation mode a result of the same shape stays",
    ),
)
