"""The leaves of a certificate that fall short of its claim, settled exactly: the search's floats had left them open."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from precise.network import Network
from verify.certificate import Certificate
from verify.checker.check import Target, leaf, prepared
from verify.checker.joint import Row
from verify.checker.weak_duality import Bounds, Part

MOST_INPUTS = 64  # linear questions over more inputs take Z3 longer than they are worth
Node = dict[str, Any]


def finish(certificate: Certificate, first: Network, second: Network, deadline: float) -> Row | None:
    """Put proofs into the trees where they fall short, as far as time allows.

    Args:
        certificate: unsealed; its trees grow in place.
        first: f.
        second: g.
        deadline: on the clock of `time.monotonic`.

    Returns:
        An input that may refute the claim, for exact replay; None: none was met.
    """
    from verify.differential.exact_leaf import settle  # Z3 takes a while to load and is rarely needed

    bounds, root, targets = prepared(certificate, first, second)
    for tree, target in zip(certificate["trees"], targets, strict=True):
        for part, index in _short(bounds, root, tree, target):
            if time.monotonic() > deadline:
                return None
            settled = settle(bounds, part, target, deadline)
            if settled.point is not None:
                return settled.point
            if settled.nodes is not None:
                _graft(tree, index, settled.nodes)
    return None


def _short(bounds: Bounds, root: Part, tree: list[Node], target: Target) -> Iterator[tuple[Part, int]]:
    """The leaves whose bound does not meet the threshold, with their parts."""
    stack = [(root, 0)]
    while stack:
        part, index = stack.pop()
        node = tree[index]
        for entry in node.get("tighten", ()):
            part = bounds.tightened(part, entry)
        if "split" in node:
            stack += zip(bounds.split(part, node["split"]), node["children"], strict=True)
            continue
        bound = leaf(bounds, part, node["leaf"], target)
        if bound is not None and (bound > target.threshold or (target.strict and bound == target.threshold)):
            yield part, index


def _graft(tree: list[Node], index: int, nodes: list[Node]) -> None:
    """A leaf replaced by a tree; what the leaf had tightened stays."""
    shift = len(tree) - 1  # the root goes to the leaf's place, the others to the end
    moved = [node | {"children": [c + shift for c in node["children"]]} if "split" in node else node for node in nodes]
    kept = {key: value for key, value in tree[index].items() if key == "tighten"}
    tree[index] = kept | moved[0]
    tree += moved[1:]
