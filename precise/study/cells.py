"""What a study asks: a grid of cells, each an item of work whose result depends on nothing but the cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from precise.errors import InputError
from precise.oracles.formats import FORMATS

DEFAULT_BITS = (8, 16, 24, 32, 40, 53, 64, 128, 192, 256, 512, 768, 1024)
DEFAULT_FORMATS = ("float16", "bfloat16", "float32", "float64")
FEWEST_BITS, MOST_BITS = 2, 1_000_000
EXTRACTION, SIGNS = "extraction", "signs"


@dataclass(frozen=True)
class Cell:
    """One run: an extraction at one precision, or the sign method of [FMSH24] on true rows at one precision."""

    kind: str  # EXTRACTION or SIGNS
    model: int  # which of the study's models, from 0
    precision: str  # a name of `precise.oracles.select`
    seed: int

    @property
    def key(self) -> bytes:
        """Under which its result is kept."""
        return f"{self.kind} {self.model} {self.precision} {self.seed}".encode()


@dataclass(frozen=True)
class Limits:
    """When a cell ends before it is complete; what it has by then is reported. Chosen for a study in minutes."""

    match_queries: int = 120_000  # of an extraction by matching: several times what a complete one takes
    match_lines: int = 120  # sampled lines a layer
    match_idle: int = 40  # lines without a new neuron, at which a layer is given up
    walk_queries: int = 150_000
    walk_candidates: int = 200  # critical points followed in a row without a new row

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def bits_of(precision: str) -> int | None:
    """The number of bits of `bits:P`; None for a hardware format."""
    kind, _, detail = precision.partition(":")
    return int(detail) if kind == "bits" else None


def grid(models: int, bits: Sequence[int], formats: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """All cells, model after model: precisions from few bits to many, then formats, then the signs of each format."""
    precisions = [*(f"bits:{b}" for b in bits), *formats]
    found = []
    for model in range(models):
        found += [Cell(EXTRACTION, model, precision, seed) for precision in precisions for seed in seeds]
        found += [Cell(SIGNS, model, precision, seed) for precision in formats for seed in seeds]
    return found


def parse_bits(text: str) -> tuple[int, ...]:
    """`8,16,...` as numbers in order, without repetitions.

    Raises:
        InputError: it is not such a list.
    """
    parts = text.replace(" ", "").split(",")
    if not all(re.fullmatch(r"[0-9]{1,7}", part) and FEWEST_BITS <= int(part) <= MOST_BITS for part in parts):
        raise InputError(f"--bits {text}: expected numbers from {FEWEST_BITS} to {MOST_BITS:,}, such as 8,16,53,1024")
    return tuple(sorted({int(part) for part in parts}))


def parse_formats(text: str) -> tuple[str, ...]:
    """`float16,float64` or `none` as names of formats, each once.

    Raises:
        InputError: there is no such format.
    """
    if text.strip() == "none":
        return ()
    names = tuple(dict.fromkeys(text.replace(" ", "").split(",")))
    if not all(name in FORMATS for name in names):
        raise InputError(f"--formats {text}: expected some of {', '.join(DEFAULT_FORMATS)}, or none")
    return tuple(sorted(names, key=lambda name: (FORMATS[name].bits, name)))
