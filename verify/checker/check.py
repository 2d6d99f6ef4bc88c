"""Checking a certificate: its claim, its trees, its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from flint import fmpq

from verify.checker.encoding import Json, fingerprint, number, numbers, seal
from verify.checker.joint import ONE, ZERO, JointLayer, NetworkLike, Row, joint
from verify.checker.phase import PhaseBounds
from verify.checker.weak_duality import Bounds, Part, unit

FORMAT, VERSION = "precise-verify certificate", 3
READ = (2, VERSION)  # version 3 added phases
LONGEST_MANTISSA = 10_000  # bits; a certificate that asks for more wants memory, not precision
MALFORMED = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    ZeroDivisionError,
    OverflowError,
    RecursionError,
)


class Refused(Exception):
    """A certificate is malformed, damaged, of other networks, or short of its claim; the message says it."""


@dataclass(frozen=True)
class Target:
    """What has to be bounded for a claim: row . outputs <= threshold where every side condition holds."""

    row: Row  # over (f's outputs, differences)
    sides: list[tuple[Row, fmpq]]  # side . outputs >= margin
    threshold: fmpq
    strict: bool = False  # the bound has to be below the threshold


Prepared: TypeAlias = tuple[Bounds, Part, list[Target]]


@dataclass(frozen=True)
class Proved:
    """What the trees of a certificate prove."""

    bounds: tuple[fmpq | None, ...]  # per target, an upper bound of its row; None: there is no input
    thresholds: tuple[fmpq, ...]  # what the claim needs the bounds to be at most
    strict: tuple[bool, ...]  # whether it needs them to be below that
    leaves: int  # of all trees

    @property
    def holds(self) -> bool:
        """Whether the claim is proved."""
        found = zip(self.bounds, self.thresholds, self.strict, strict=True)
        return all(b is None or b < t or (b == t and not strict) for b, t, strict in found)


def check(certificate: Json, first: NetworkLike, second: NetworkLike) -> Proved:
    """Check a certificate against two networks, from nothing but them and it.

    Raises:
        Refused: it does not prove its claim about these networks.
    """
    try:
        if certificate["seal"] != seal(certificate):
            raise Refused("the certificate is damaged: its seal does not fit its contents")
        claimed = [None if b is None else number(b) for b in certificate["bounds"]]
        if list(certificate["networks"]) != [fingerprint(first), fingerprint(second)]:
            raise Refused("the certificate belongs to other networks: their hashes differ")
    except MALFORMED as error:
        raise Refused(f"the certificate is malformed: {error!r:.120}") from error
    proved = evaluate(certificate, first, second)
    if not proved.holds:
        raise Refused("the certificate falls short of its claim")
    if tuple(claimed) != proved.bounds:
        raise Refused("the certificate proves other bounds than it states")
    return proved


def evaluate(
    certificate: Json,
    first: NetworkLike,
    second: NetworkLike,
    at_each_node: Callable[[], None] = lambda: None,
    layers: Sequence[JointLayer] | None = None,
) -> Proved:
    """The bounds that a certificate's trees prove about two networks, whatever it states, their hashes too.

    Args:
        certificate: with or without bounds, hashes and seal, which `check` compares.
        first: the network f.
        second: the network g.
        at_each_node: is called before each node; it may raise to end the work.
        layers: the joint network of the two under the certificate's pairing, from whoever has it already; `check`
            makes its own.

    Raises:
        Refused: it is malformed.
    """
    try:
        if certificate["format"] != FORMAT or certificate["version"] not in READ:
            raise Refused("this is no certificate of a version that this checker reads")
        return _evaluate(certificate, prepared(certificate, first, second, at_each_node, layers), at_each_node)
    except MALFORMED as error:
        raise Refused(f"the certificate is malformed: {error!r:.120}") from error


def _evaluate(certificate: Json, ready: Prepared, at_each_node: Callable[[], None]) -> Proved:
    bounds, root, wanted = ready
    found = walk(bounds, root, certificate["trees"], wanted, at_each_node)
    thresholds, strict = tuple(t.threshold for t in wanted), tuple(t.strict for t in wanted)
    return Proved(tuple(b for b, _ in found), thresholds, strict, sum(n for _, n in found))


def prepared(
    certificate: Json,
    first: NetworkLike,
    second: NetworkLike,
    at_each_node: Callable[[], None] = lambda: None,
    layers: Sequence[JointLayer] | None = None,
) -> Prepared:
    """The joint network on the domain, the whole domain with what "tighten" adds, and what to bound there.

    Raises:
        Refused: the mantissa is out of range.
        ValueError: something is malformed; other errors of MALFORMED as well.
    """
    if layers is None:
        layers = joint(first, second, [[(int(i), int(j), number(s)) for i, j, s in p] for p in certificate["pairs"]])
    mantissa = certificate["mantissa"]
    if mantissa is not None and not 1 <= mantissa <= LONGEST_MANTISSA:
        raise Refused(f"a mantissa of {mantissa!r:.20} bits is none")
    by_phase = certificate["phases"] if certificate["version"] > 2 else False
    if not isinstance(by_phase, bool):
        raise ValueError("a search is by phase or not")
    kind = PhaseBounds if by_phase else Bounds
    bounds = kind(layers, certificate["domain"], mantissa)
    wanted = targets(certificate["claim"], len(first.layers[-1].biases))
    if by_phase and any(target.sides for target in wanted):
        raise ValueError("side conditions may fail in executions that stand for an input")
    root = bounds.root
    for entry in certificate["tighten"]:
        root = by_trees(bounds, root, entry, at_each_node) if "trees" in entry else bounds.tightened(root, entry)
    return bounds, root, wanted


def by_trees(bounds: Bounds, root: Part, entry: Json, at_each_node: Callable[[], None]) -> Part:
    """The whole domain with ranges of one layer's neurons, each bound proved by a tree of its own."""
    k = bounds.layer(entry["layer"])
    wanted = [Target(unit(bounds.layers[k].blocks, int(i), kind, side), [], ZERO) for i, kind, side in entry["targets"]]
    found = walk(bounds, root, entry["trees"], wanted, at_each_node, k)
    return bounds.bounded(root, k, entry["targets"], [bound for bound, _ in found])


def targets(claim: Json, outputs: int) -> list[Target]:
    """What has to be bounded for a claim, in the order of the certificate's trees.

    Raises:
        ValueError: the claim is malformed.
    """
    if claim["property"] == "within":
        epsilon = numbers(claim["epsilon"])
        if len(epsilon) != outputs:
            raise ValueError("the claim has another number of outputs than the networks")
        signed = [(o, sign) for o in range(outputs) for sign in (ONE, -ONE)]
        return [Target(_row(2 * outputs, {outputs + o: sign}), [], epsilon[o]) for o, sign in signed]
    if claim["property"] == "top1":
        margin = number(claim["margin"])
        if margin < 0:
            raise ValueError("the margin is negative")
        return [_stays_behind(outputs, i, j, margin) for i in range(outputs) for j in range(outputs) if i != j]
    if claim["property"] == "excluded":
        return [_never(conditions, 2 * outputs) for conditions in claim["alternatives"]]
    raise ValueError(f"the claim has an unknown property {claim['property']!r:.40}")


def _never(conditions: Sequence[Any], width: int) -> Target:
    """The first condition fails wherever the others hold, if only with equality."""
    rows = [(numbers(row), number(bound)) for row, bound, _ in conditions]
    if any(len(row) != width for row, _ in rows):
        raise ValueError("a condition has another number of coefficients than there are outputs and differences")
    # a strict condition is broken at the threshold already
    return Target(rows[0][0], rows[1:], rows[0][1], strict=conditions[0][2] is not True)


def _stays_behind(outputs: int, i: int, j: int, margin: fmpq) -> Target:
    """Where f puts i ahead of all others by the margin, g_j - g_i <= 0."""
    row = _row(2 * outputs, {j: ONE, i: -ONE, outputs + j: ONE, outputs + i: -ONE})
    others = [k for k in range(outputs) if k != i]
    return Target(row, [(_row(2 * outputs, {i: ONE, k: -ONE}), margin) for k in others], ZERO)


def walk(
    bounds: Bounds,
    root: Part,
    trees: Sequence[Sequence[Json]],
    wanted: Sequence[Target],
    at_each_node: Callable[[], None],
    layer: int = -1,
) -> list[tuple[fmpq | None, int]]:
    """The bound that each tree proves for its target (None: no input), and the number of its leaves.

    Trees go down together as far as they tighten and split alike, so that a part which they share is bounded once.
    The targets are rows over the outputs, or over the preactivations of another layer (from 0).
    """
    proved: list[list[fmpq | None]] = [[] for _ in wanted]  # by the leaves
    seen: list[set[int]] = [set() for _ in wanted]
    stack = [(root, [(t, 0) for t, _ in enumerate(zip(trees, wanted, strict=True))])]
    while stack:
        whole, places = stack.pop()
        for t, index in places:
            at_each_node()
            if index in seen[t] or index < 0:
                raise ValueError("the tree is none: a node is reached twice")
            seen[t].add(index)
        for members in _alike([(t, trees[t][index]) for t, index in places]):
            part, node = whole, members[0][1]
            for entry in node.get("tighten", ()):
                part = bounds.tightened(part, entry)
            if "split" in node:
                halves = zip(bounds.split(part, node["split"]), *(n["children"] for _, n in members), strict=True)
                stack += [(half, [(t, i) for (t, _), i in zip(members, indices)]) for half, *indices in halves]
            else:
                for t, own in members:
                    proved[t].append(leaf(bounds, part, own["leaf"], wanted[t], layer))
    if any(len(own) != len(tree) for own, tree in zip(seen, trees)):
        raise ValueError("a tree has nodes that cannot be reached")
    return [(max((b for b in own if b is not None), default=None), len(own)) for own in proved]


def _alike(nodes: Sequence[tuple[int, Json]]) -> list[list[tuple[int, Json]]]:
    """The nodes (number of the tree, node) in groups that tighten and split alike."""
    if len(nodes) == 1:
        return [list(nodes)]
    groups: dict[str, list[tuple[int, Json]]] = {}
    for t, node in nodes:
        way = json.dumps({key: node[key] for key in ("tighten", "split") if key in node})
        groups.setdefault(way, []).append((t, node))
    return list(groups.values())


def leaf(bounds: Bounds, part: Part, proof: Json, target: Target, layer: int = -1) -> fmpq | None:
    """The bound that a leaf proves for a target on its part; None: it proves that there is no input."""
    multipliers = numbers(proof["side"]) if "side" in proof else [ZERO] * len(target.sides)
    row = [ZERO] * len(target.row) if proof.get("empty") else list(target.row)
    constant = ZERO
    for multiplier, (side, margin) in zip(multipliers, target.sides, strict=True):
        if multiplier < 0:
            raise ValueError("a multiplier of a side condition is negative")
        row = [v + multiplier * w for v, w in zip(row, side)]
        constant -= multiplier * margin
    duals: Sequence[Any] | None = [proof["duals"]] if "duals" in proof else None
    facets = numbers(proof["facets"]) if "facets" in proof else bounds.no_facets
    (bound,) = bounds.suprema(part, layer % len(bounds.layers), [row], duals, [facets])
    if bound is None:
        return None
    if not proof.get("empty"):
        return bound + constant
    # a sum of functions that are 0 or more wherever there is an input, yet negative: there is none
    return None if bound + constant < 0 else leaf(bounds, part, {}, target, layer)


def _row(width: int, entries: Mapping[int, fmpq]) -> Row:
    return [entries.get(i, ZERO) for i in range(width)]
