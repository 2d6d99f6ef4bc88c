"""The rows of the table of results: which networks are extracted, and what was published for the same shape.

A *published* network is one that others trained and that is not part of this project; its file is asked for by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

from precise.formats import load_network
from precise.network import Network
from precise.random_networks import parse_widths, random_network

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
NETWORK_SEED = 1  # of every random network


@dataclass(frozen=True)
class Published:
    """What a float64 attack reported for one layer, the layers before it given ([FMSH24])."""

    layer: int  # from 1; the output layer counts too
    signature: tuple[float, ...]  # seconds, one a network that was reported; none: no answer
    sign: float | None  # seconds
    queries: tuple[float, ...]
    at_least: float = 0.0  # seconds after which there was no answer

    @property
    def seconds(self) -> float:
        """Signature and sign together; the fastest network counts."""
        return min(self.signature, default=self.at_least) + (self.sign or 0.0)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    kind: str  # random, MNIST, ... or published
    shape: str  # such as 784-16x2-1
    seeds: int = 3  # oracle seeds 1 to this
    file: str = ""  # in fixtures, or in the directory of published networks; random networks have none
    published: tuple[Published, ...] = ()

    @property
    def name(self) -> str:
        """How the row is called on the command line and in the table."""
        return f"{self.kind} {self.shape}"

    @property
    def widths(self) -> tuple[int, ...]:
        """(inputs, neurons of each hidden layer ..., outputs)."""
        return parse_widths(self.shape)

    @property
    def parameters(self) -> int:
        """Weights and biases together."""
        return sum((inputs + 1) * neurons for inputs, neurons in pairwise(self.widths))

    def path(self, models: Path | None) -> Path | None:
        """The network's file; None: it has none, or `models` is not given."""
        if self.kind == "published":
            return models / self.file if models else None
        return FIXTURES / self.file if self.file else None

    def available(self, models: Path | None) -> bool:
        """Can the row be run?"""
        path = self.path(models)
        return self.kind == "random" or (path is not None and path.is_file())

    def network(self, models: Path | None) -> Network:
        """The true network.

        Raises:
            InputError: the file is missing, damaged, or holds another shape.
        """
        path = self.path(models)
        return random_network(self.shape, NETWORK_SEED) if path is None else load_network(path)


def _one(layer: int, signature: float, sign: float | None, queries: float) -> Published:
    return Published(layer, (signature,), sign, (queries,))


_UNANSWERED = 36 * 3600.0
_MNIST = {
    "784-8x2-1": (_one(2, 12.8, 0.26, 5.0e4),),
    "784-16x2-1": (_one(2, 19.2, 0.67, 1.9e5),),
    "784-32x2-1": (_one(2, 98, 2.0, 7.7e5),),
    "784-64x2-1": (Published(2, (496, 4650), 6.3, (3.1e6, 4.9e6)),),
    "784-16x3-1": (_one(2, 1854, 0.96, 9.7e6), _one(3, 6.9e4, 0.54, 4.4e7)),
    "784-16x8-1": (
        _one(1, 1e4, 63, 5.4e6),
        _one(2, 470, None, 5.3e5),
        Published(3, (), None, (), _UNANSWERED),
        Published(8, (), None, (), _UNANSWERED),
        _one(9, 0.01, None, 100),
    ),
}


def _mnist(shape: str, seeds: int) -> Row:
    return Row("MNIST", shape, seeds, f"mnist_{shape.replace('-', '_')}.npz", _MNIST.get(shape, ()))


def _trained_by_others(shape: str, seeds: int, file: str = "") -> Row:
    return Row("published", shape, seeds, file or f"mnist{shape.replace('-', '_')}.npz", _MNIST.get(shape, ()))


ROWS: tuple[Row, ...] = (
    Row("random", "784-8x2-1", 5, published=(_one(2, 10.4, 0.25, 5.1e4),)),
    Row("random", "784-16x2-1", 5, published=(_one(2, 7.2, 0.60, 6.9e4),)),
    Row("random", "784-32x2-1", published=(_one(2, 22.6, 2.1, 2.3e5),)),
    Row("random", "784-64x2-1", published=(_one(2, 135, 7.2, 9.0e5),)),
    Row("random", "784-128x2-1", published=(Published(2, (758, 1041), 30.5, (4.2e6,)),)),
    _mnist("784-8x2-1", 5),
    _mnist("784-16x2-1", 5),
    _mnist("784-32x2-1", 3),
    *(_mnist(f"784-16x{depth}-1", 3) for depth in range(3, 9)),
    _trained_by_others("784-8x2-1", 5),
    _trained_by_others("784-16x2-1", 5),
    _trained_by_others("784-32x2-1", 3),
    _trained_by_others("784-64x2-1", 3),
    _trained_by_others("784-128x2-1", 3),
    _trained_by_others("784-16x8-1", 3),
    _trained_by_others("784-32x8-1", 3),
    *(Row("random", f"784-16x{depth}-1") for depth in range(3, 9)),
    *(Row("random", shape, 5) for shape in ("10-5x2-1", "20-10x2-1", "40-20x2-1", "50-25x2-1")),
    Row("random", "100-50x2-1"),
    _trained_by_others("10-5x2-1", 5, "10_5x2_1_Carlini.npz"),
    _trained_by_others("20-10x2-1", 5, "20_10x2_1_Carlini.npz"),
    _trained_by_others("50-25x2-1", 5, "50_25x2_1_Carlini.npz"),
    *(Row("random", shape, 5) for shape in ("4-8-8-1", "10-20-20-1", "10-20-20-3", "20-40-1")),
    Row("random", "16-32-32-2"),
    Row("breast cancer", "30-8x2-1", 5, "breast_cancer_30_8x2_1.npz"),
    Row("digits", "64-16x2-10", 5, "digits_64_16x2_10.npz"),
)


def selected(names: Sequence[str] | None) -> list[Row]:
    """The rows with these names, in the table's order; * and ? stand for any characters; None: all.

    Raises:
        ValueError: a name fits no row.
    """
    for name in names or ():
        if not any(fnmatchcase(row.name, name) for row in ROWS):
            raise ValueError(f"--rows: no row is called {name!r}; there are {', '.join(row.name for row in ROWS)}")
    return [row for row in ROWS if names is None or any(fnmatchcase(row.name, name) for name in names)]
