"""The order of the layers in a PyTorch state dict, which names parameters and stores no architecture.

A ReLU is assumed after every layer but the last: nothing in such a file says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from precise.errors import InputError
from precise.formats.chain import affine, alternate
from precise.network import Network

_MAX_TRIES = 10_000
_ONE_PATTERN = "expected layer names that differ by one number, such as 0.weight, 2.weight, or shapes of one order"


def network_of_state(state: Mapping[str, np.ndarray]) -> Network:
    """The network of `NAME.weight` (outputs, inputs) and `NAME.bias` (outputs,) entries.

    Raises:
        InputError: entries of another kind, or names and shapes that leave the order of the layers open.
    """
    names = []
    for key, array in state.items():
        name, _, kind = key.rpartition(".")
        if kind not in ("weight", "bias") or array.ndim != (2 if kind == "weight" else 1):
            raise InputError(
                f"{key[:60]!r}: expected matrices NAME.weight and vectors NAME.bias of linear layers only, "
                f"not shape {array.shape}"
            )
        if kind == "weight":
            names.append(name)
        elif f"{name}.weight" not in state:
            raise InputError(f"{key[:60]!r}: expected weights {name[:60]}.weight beside it")
    weights = {name: state[f"{name}.weight"].T for name in names}
    order = _by_number(names) or _by_shape(weights)
    return alternate([affine(f"{name}.weight", weights[name], state.get(f"{name}.bias")) for name in order])


def _by_number(names: Sequence[str]) -> list[str]:
    """The names in the order of the one number in which they differ; empty if that is not how they differ."""
    parts = {name: re.split(r"([0-9]+)", name) for name in names}
    lengths = {len(split) for split in parts.values()}
    if len(lengths) != 1 or max(lengths) > 100 or max(map(len, names)) > 1000:
        return []
    differing = [n for n in range(lengths.pop()) if len({split[n] for split in parts.values()}) > 1]
    if not differing:
        return list(names)
    if len(differing) > 1 or differing[0] % 2 == 0:
        return []
    return sorted(names, key=lambda name: int(parts[name][differing[0]]))


def _by_shape(weights: Mapping[str, np.ndarray]) -> list[str]:
    """The one order in which every layer's inputs are the outputs of the layer before."""
    found: list[list[str]] = []
    tries = 0

    def extend(order: list[str]) -> None:
        nonlocal tries
        tries += 1
        if tries > _MAX_TRIES or len(found) > 1:
            return
        if len(order) == len(weights):
            found.append(order)
            return
        for name, array in weights.items():
            if name not in order and (not order or weights[order[-1]].shape[1] == array.shape[0]):
                extend([*order, name])

    if len(weights) <= 100:
        extend([])
    if len(found) != 1 or tries > _MAX_TRIES:
        raise InputError(f"{', '.join(weights)[:80]}: {_ONE_PATTERN}")
    return found[0]
