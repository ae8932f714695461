"""Functions and classes that a method may have replaced, torch's and others': what they are, and the way back.

A class must stay as it is, and a module of torch's in what it had: names are added to it whenever something is
imported. Of modules that hold state of their own, and of other libraries', functions and classes count.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import copy
import dataclasses
import enum
import fractions
import functools
import hashlib
import inspect
import io
import itertools
import json
import math
import multiprocessing.connection
import operator
import os
import pathlib
import pickle
import random
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch._functorch.apis
import torch._functorch.eager_transforms
import torch.autograd.forward_ad
import torch.autograd.functional
import torch.autograd.graph
import torch.func
from torch import nn

Owner = type | ModuleType

_C_NN: Any = torch._C._nn
_GRAD: Any = torch.nn.grad  # type: ignore[attr-defined]

MODULES: tuple[ModuleType, ...] = (torch, nn.functional, nn.init, torch.autograd, torch.func, torch.linalg, builtins)
LIBRARIES: tuple[ModuleType, ...] = (
    *(nn, _C_NN, torch.special, torch.fft, _GRAD, torch.random, torch.overrides, torch.jit, nn.utils.stateless),
    *(torch.autograd.graph, torch.autograd.functional, torch.autograd.forward_ad),
    *(torch._functorch.apis, torch._functorch.eager_transforms),
    *(copy, json, math, np, os, random, signal, threading, time, warnings),
    *(collections, contextlib, dataclasses, functools, hashlib, inspect, io, itertools, operator, pathlib, pickle, re),
    *(select, socket, struct, subprocess, tempfile, traceback, weakref, multiprocessing.connection),
)
"""Those of which only functions and classes count."""

STANDARD: tuple[type, ...] = (
    *(collections.Counter, fractions.Fraction, enum.Enum, pathlib.Path, multiprocessing.connection.Connection),
    multiprocessing.connection.Connection.__mro__[1],
)
"""Classes of the standard library with which results are kept, compared and sent."""

LAYERS = tuple(dict.fromkeys(each for each in vars(nn.modules).values() if isinstance(each, type)))
CLASSES: tuple[type, ...] = (nn.Module, nn.Parameter, torch.Tensor, torch.autograd.Function, *LAYERS, *STANDARD)

_CHANGES = frozenset({"__abstractmethods__", "__annotations__", "_", "Storage"})
"""What changes without anybody's doing, `_` in an interactive session, and what goes with the default dtype."""


class Functions:
    """The functions of torch and others, and those of the classes of layers and of a network's modules, as they are."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        classes = {above for each in (*CLASSES, *map(type, modules)) for above in each.__mro__} - {object}
        self._owners: tuple[Owner, ...] = (*MODULES, *dict.fromkeys((*CLASSES, *classes)), *LIBRARIES)
        self._now = [vars(owner) for owner in self._owners]  # which show each change
        self._before = [dict(each) for each in self._now]
        self._values = self._listed(self._now)

    def are_as_before(self) -> bool:
        """Whether nothing was replaced, added or taken away; quick, and no where it cannot be told."""
        try:
            # Lists look first whether two values are one object, and ask for equality only where they are not.
            return self._values == self._listed(self._now)
        except Exception:
            return False

    @staticmethod
    def _listed(owned: Iterable[Mapping[str, object]]) -> list[list[object]]:
        return [[*each.values()] for each in owned]

    def changes(self) -> Iterator[tuple[Owner, str]]:
        """Each attribute that is not as it was."""
        for owner, before in zip(self._owners, self._before, strict=True):
            now = dict(vars(owner))
            names = before.keys() | now.keys() if isinstance(owner, type) else before.keys()
            for name in sorted(names - _CHANGES):
                was = before.get(name, _ABSENT)
                if was is now.get(name, _ABSENT) or (owner in LIBRARIES and not callable(was)):
                    continue
                yield owner, name

    def accept_imported(self) -> None:
        """Takes what is replaced by something of torch's own for what was before: an import of torch's does that."""
        for owner, name in list(self.changes()):
            now = vars(owner).get(name)
            if (getattr(now, "__module__", None) or "").partition(".")[0] == "torch":
                place = self._owners.index(owner)
                self._before[place] = {**self._before[place], name: now}

    def put_back(self) -> None:
        """Sets each of them as it was."""
        for owner, name in list(self.changes()):
            was = self._before[self._owners.index(owner)].get(name, _ABSENT)
            with contextlib.suppress(AttributeError, TypeError):
                if was is _ABSENT:
                    delattr(owner, name)
                else:
                    setattr(owner, name, was)
        if not any(True for _ in self.changes()):
            # What does not count is taken as it is now, in its order, so that the next look is quick again.
            self._values = self._listed(self._now)


_ABSENT = object()


def name_of(owner: Owner) -> str:
    """As it is imported."""
    return owner.__name__ if isinstance(owner, ModuleType) else f"{owner.__module__}.{owner.__qualname__}"
