"""Rules of products: matrices by matrices, and sums over letters in general."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from jaccheck.errors import NotCovered
from jaccheck.methods.rules.call import Call
from jaccheck.methods.rules.elementwise import aligned
from jaccheck.methods.rules.layers import by_weight_of_linear
from jaccheck.methods.rules.use import Use, Write, add_up
from jaccheck.methods.samples import Layout

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def product(call: Call) -> Use | None:
    """`y = x W`: that of a Linear, transposed; other products as `einsum`."""
    if len(call.args) != 2 or call.kwargs:
        return None
    one, two = call.args
    if one.dim() > 1 and two.dim() == 2 and call.is_parameter(two) and not call.is_parameter(one):
        return Use(one.dim() - 1, [one], (two, _by_matrix(one)))
    if one.dim() == 0 or two.dim() == 0:
        return None
    inner, row, column, *batch = list(LETTERS)
    axes = max(one.dim(), two.dim(), 2) - 2
    first, second = (
        "".join(batch[axes - max(each.dim() - 2, 0) : axes]) + ends
        for each, ends in (
            (one, inner if one.dim() == 1 else row + inner),
            (two, inner if two.dim() == 1 else inner + column),
        )
    )
    result = "".join(batch[:axes]) + row * (one.dim() > 1) + column * (two.dim() > 1)
    return _sum_over_letters([first, second], result, [one, two], call)


def _by_matrix(input: Tensor) -> Write:
    by_transposed = by_weight_of_linear(input)

    def write(δ: Tensor, J: Tensor, layout: Layout) -> None:
        by_transposed(δ, J.transpose(-1, -2), layout)

    return write


def product_and_sum(call: Call) -> Use | None:
    """`y = b + x W`: that of a Linear, transposed."""
    if len(call.args) != 3 or call.kwargs:
        return None
    added, input, matrix = call.args
    if call.is_parameter(input):
        return None

    def by_added(δ: Tensor, J: Tensor, layout: Layout) -> None:
        add_up(δ, aligned(added, δ.dim() - 1), J, layout)

    parts = [(added, by_added), (matrix, _by_matrix(input))]
    return Use(1, [input], *[(tensor, write) for tensor, write in parts if call.is_parameter(tensor)])


def einsum(call: Call) -> Use | None:
    """The product of δ and all other operands, summed over the letters that the parameter does not have."""
    equation, *operands = call.args
    if not isinstance(equation, str) or call.kwargs:
        return None
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = [*operands[0]]
    left, arrow, result = equation.replace(" ", "").replace("...", ".").partition("->")
    terms = left.split(",")
    unused = [letter for letter in LETTERS if letter not in equation]
    hidden = [
        each.dim() - len(term.replace(".", "")) if "." in term else 0
        for term, each in zip(terms, operands, strict=True)
    ]
    most = max(hidden)
    if not arrow:
        once = sorted(letter for letter in set(left) - {".", ","} if left.count(letter) == 1)
        result = "." * ("." in left) + "".join(once)
    terms = [term.replace(".", "".join(unused[most - count : most])) for term, count in zip(terms, hidden, strict=True)]
    return _sum_over_letters(terms, result.replace(".", "".join(unused[:most])), operands, call)


def _sum_over_letters(terms: Sequence[str], result: str, operands: Sequence[Tensor], call: Call) -> Use | None:
    parts = []
    for index, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        if call.is_parameter(operand):
            if len(set(term)) < len(term) or len(set(result)) < len(result):
                return None
            parts.append((operand, _by_operand(index, terms, result, operands)))
    return Use(None, operands, *parts)


def _by_operand(index: int, terms: Sequence[str], result: str, operands: Sequence[Tensor]) -> Write:
    """The product of δ and all other operands, with their letters, summed over all letters that θ does not have."""

    def write(δ: Tensor, J: Tensor, layout: Layout) -> None:
        term, samples = terms[index], result[layout.axis]
        around, outputs, behind, single = [letter for letter in LETTERS if letter not in "".join(terms) + result][:4]
        factors, letters = [δ], [outputs + result]
        if layout.N == 1:
            # It may lie along any axis, also one that the parameter has.
            factors, letters, samples = [δ[None]], [single + outputs + result], single
        elif samples in term and operands[index].shape[term.index(samples)] > 1:
            # Where no output depends on y, samples may lie along any axis.
            if bool(δ.any()):
                raise NotCovered("a parameter has an axis of samples in a product")
            J.zero_()
            return
        split = around + samples + behind
        for other, (tensor, each) in enumerate(zip(operands, terms, strict=True)):
            if other != index:
                factors.append(tensor.to(δ.dtype))
                letters.append(each)
        for position, (factor, each) in enumerate(zip(factors, letters, strict=True)):
            if samples in each and layout.N > 1:
                axis = each.index(samples)
                sizes = (layout.before, layout.N, layout.after) if factor.shape[axis] > 1 else (1, 1, 1)
                factors[position] = factor.unflatten(axis, sizes)
                letters[position] = each.replace(samples, split)
        kept = term.replace(samples, "")
        known = "".join(letter for letter in kept if any(letter in each for each in letters))
        found = torch.einsum(",".join(letters) + "->" + samples + outputs + known, factors)
        for position, letter in enumerate(kept):
            if letter not in known:
                found = found.unsqueeze(2 + position)
        own = [size for size, letter in zip(operands[index].shape, term, strict=True) if letter != samples]
        for position, size in enumerate(own):
            if size == 1 and found.shape[2 + position] > 1:
                found = found.sum(2 + position, keepdim=True)
        J.copy_(found.expand(*J.shape[:2], *own).reshape(J.shape))

    return write
