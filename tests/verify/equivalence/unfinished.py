"""Proofs that are not there: a pair of networks whose proof takes a while, how far a run is, bounds that give up."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

from flint import fmpq

from precise.network import Layer, Network
from precise.random_networks import random_network
from verify.decision import Decision
from verify.verdict import Outcome, Verdict

FIRST = random_network("3-4x2-1", seed=3)
RANDOM = Random(1)
SECOND = Network(
    tuple(
        Layer(tuple(tuple(w + fmpq(RANDOM.randint(-9, 9), 9000) for w in row) for row in layer.weights), layer.biases)
        for layer in FIRST.layers
    )
)


def kept_in(path: Path) -> int:
    """Looks at parts that a checkpoint has."""
    try:
        with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM outcomes").fetchone()[0])
    except sqlite3.Error:
        return 0


def given_up(*_: object) -> Decision:
    """In the place of the bounds, which leave everything open."""
    return Decision(Verdict(Outcome.UNKNOWN, "", "", "", details={"engine": "bounds"}))
