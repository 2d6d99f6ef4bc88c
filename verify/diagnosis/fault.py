"""The words of a diagnosis: faults, what is known of their certainty, and the whole.

Layers and neurons count from 1, as in every message and report; the last layer is the output layer, whose neurons
are the outputs. Entry 0 of a neuron's row is its bias, entry i the weight of input i.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from flint import fmpq

from precise.arithmetic import to_text
from precise.network import Network
from verify.verdict import Verdict, Witness


class Kind(Enum):
    """What can be wrong; the value is the word for reports and JSON."""

    SIGN = "wrong sign"  # the row is right up to a negative factor
    ENTRIES = "wrong weight or bias"
    MISSING = "missing neuron"
    SPURIOUS = "spurious neuron"
    DUPLICATE = "duplicated neuron"  # a second copy of another neuron, its outgoing weights not shared out
    SCALE = "scale not undone"  # a row was multiplied, the next layer's weights were not divided
    PERMUTATION = "permutation not undone"  # rows changed places, the next layer's columns did not
    PRECISION = "precision loss"  # every row of the layer is right to some bits and no further
    OUTPUT = "wrong output layer"  # entries of the output layer
    DEPTH = "wrong number of layers"  # of the whole network; the layer is the first one without counterpart


class Certainty(Enum):
    """How sure a fault is; the value is the word for reports and JSON."""

    PROVED = "proved"  # no other explanation of the stated kind fits; the evidence says which were excluded
    LIKELY = "likely"  # it explains what was seen; others were not excluded


@dataclass(frozen=True)
class Entry:
    """One wrong number of a row."""

    index: int  # 0: the bias; i: the weight of input i
    found: fmpq  # in the recovered network
    right: fmpq | None  # what it should be, on the recovered row's scale; None: not known


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and why it is believed."""

    kind: Kind
    layer: int
    neurons: tuple[int, ...]  # of the recovered network; of the original where the kind is MISSING
    evidence: str  # one readable paragraph
    certainty: Certainty
    entries: tuple[Entry, ...] = ()  # of ENTRIES and OUTPUT
    factor: fmpq | None = None  # of SCALE: the row is this multiple of what the next layer reckons with
    bits: int | None = None  # of PRECISION: the layer's rows are right to so many bits
    witness: Witness | None = None  # an input that shows this fault, original's outputs first

    @property
    def place(self) -> tuple[int, int]:
        """Layer and first neuron (0: the whole layer), for sorting and scoring."""
        return self.layer, min(self.neurons, default=0)

    def to_json(self) -> dict[str, object]:
        """The fault for programs, numbers as exact text."""
        return {
            "kind": self.kind.value,
            "layer": self.layer,
            "neurons": list(self.neurons),
            "certainty": self.certainty.value,
            "evidence": self.evidence,
            "entries": [
                {
                    "index": entry.index,
                    "found": to_text(entry.found),
                    "right": None if entry.right is None else to_text(entry.right),
                }
                for entry in self.entries
            ],
            "factor": None if self.factor is None else to_text(self.factor),
            "bits": self.bits,
            "witness": None if self.witness is None else self.witness.to_json(),
        }


@dataclass(frozen=True)
class Diagnosis:
    """All that was found wrong with a recovered network."""

    faults: tuple[Fault, ...]  # in the order of the layers
    explained: bool  # with these faults mended, nothing of what was seen is left unexplained
    outcome: str  # one or two sentences: what was found, what is proved, what is open and what to try
    repaired: Network | None = None  # the network with every fault mended; None: it could not be
    verdict: Verdict | None = None  # of the repaired network against the original, where that is at hand
    alternatives: tuple[tuple[Fault, ...], ...] = ()  # other explanations that fit just as well
    queries: int = 0  # points the oracle answered; 0 with the original at hand
    seconds: float = 0.0
    seed: int = 0
    details: dict[str, object] = field(default_factory=dict)  # figures for programs, JSON-ready

    @property
    def first_layer(self) -> int | None:
        """The first layer with a fault; None: there is none."""
        return min((fault.layer for fault in self.faults), default=None)
