"""`precise extract --signatures match`: the run under rounding error, and what is written of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from flint import arb

from precise.arithmetic import round_to_bits, to_text
from precise.commands.output import show
from precise.errors import INTERRUPTED, InputError
from precise.formats import save_network
from precise.formats.atomic_file import write_whole
from precise.network import Network

if TYPE_CHECKING:
    from precise.journal.file import Journal
    from precise.matching.extract import Matched, Progress
    from precise.oracle import Oracle

SPARE_BITS = 8  # of a written midpoint beyond those that are proved
INCOMPLETE = 3


def check_methods(signatures: str, signs: str, oracle_precision: str | None) -> None:
    """Refuse methods that do not exist, or do not go together.

    Raises:
        InputError: says which.
    """
    from precise.signs.methods import METHODS

    if signatures not in ("walk", "match"):
        raise InputError(f"--signatures {signatures}: expected walk or match")
    if signs not in METHODS:
        raise InputError(f"--signs {signs}: expected one of {', '.join(METHODS)}")
    if signatures == "match":
        return
    if signs != "exact":
        raise InputError(f"--signs {signs}: expected --signatures match as well; the walk has its own exact signs")
    if oracle_precision is not None and oracle_precision.partition(":")[0] not in ("exact", "bits"):
        raise InputError(
            f"--oracle-precision {oracle_precision}: expected --signatures match as well; the walk needs exact or "
            "correctly rounded answers"
        )


def extract_and_write(
    oracle: Oracle,
    widths: tuple[int, ...],
    seed: int,
    signs: str,
    out: Path,
    json_file: Path | None,
    progress: Progress,
    journal: Journal | None = None,
) -> None:
    """Run the extraction; write the network of midpoints if it is complete, what there is as JSON otherwise."""
    from precise.matching.extract import extract_by_matching

    result = extract_by_matching(oracle, widths, seed, signs, progress=progress, journal=journal)
    if json_file is not None:
        write_whole(json_file, (json.dumps(_enclosures(result), indent=1) + "\n").encode())
    show(f"{result.report.text()}\n\n{_write(result, out)}")
    if not result.report.complete:
        raise typer.Exit(INTERRUPTED if result.report.interrupted else INCOMPLETE)


def midpoints(result: Matched) -> Network:
    """The network of midpoints, each rounded a little beyond its proved bits."""
    return Network.from_rows(
        [
            ([[_midpoint(w) for w in row] for row in weights], list(map(_midpoint, biases)))
            for weights, biases in result.parameters
        ]
    )


def _midpoint(value: arb) -> Any:
    known = value.rel_accuracy_bits()
    return round_to_bits(value.mid().fmpq(), max(2, min(4096, known + SPARE_BITS)))


def _write(result: Matched, out: Path) -> str:
    if result.report.complete:
        saved = save_network(midpoints(result), out)
        rounded = f", {saved.rounded:,} values rounded to float64" if saved.rounded else ""
        return f"midpoints written to {out} ({saved.format}{rounded}); --json FILE writes every enclosure"
    target = out.with_suffix(".json")
    write_whole(target, (json.dumps(_enclosures(result), indent=1) + "\n").encode())
    return f"what was recovered is in {target}; it is not a network"


def _enclosures(result: Matched) -> dict[str, Any]:
    """The report, every row as decimal text `[midpoint +/- radius]`, and the exact rows."""
    layers = [[{"weights": list(map(_text, r.weights)), "bias": _text(r.bias)} for r in rows] for rows in result.layers]
    return {
        "format": "precise-matched-extraction",
        "version": 1,
        "report": result.report.to_json(),
        "slice": layers,
        "first_layer": [list(map(_text, row)) for row in result.first],
        "outputs": [list(map(_text, row)) for row in result.outputs],
        "exact": [
            {"layer": layer, "row": row, "entries": list(map(to_text, values))}
            for (layer, row), values in sorted(result.exact.items())
        ],
    }


def _text(value: arb) -> str:
    bits = max(1, value.rel_accuracy_bits())
    return str(value.str(min(1200, bits * 302 // 1000 + 3)))
