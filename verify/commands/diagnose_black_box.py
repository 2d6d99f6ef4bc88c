"""`verify diagnose --oracle ORACLE RECOVERED`: what is wrong with a network, from an oracle's answers alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer

from precise.commands.reference import oracle_from
from precise.formats import load_network
from verify.commands.diagnosis_outputs import Outputs, status, write_outputs
from verify.commands.output import working


def diagnose_from_oracle(
    reference: str,
    recovered: Path,
    outputs: Outputs,
    oracle_precision: str | None = None,
    max_queries: int | None = None,
    seed: int = 0,
) -> NoReturn:
    """Diagnose a recovered network with an oracle, show and write what was found.

    Args:
        reference: `module:function`, or a network's file, which only the oracle reads.
        recovered: the file of the network in question.
        outputs: where the results go.
        oracle_precision: how the oracle answers, such as exact, bits:53 or float64; a function: exact or bits:P.
        max_queries: the most points to ask.
        seed: every random choice follows from it.

    Raises:
        InputError: an option or a file is not what it must be.
        typer.Exit: 0 no fault, 1 faults that explain everything, 3 something is unexplained or unproved.
    """
    from verify.diagnosis.agreement_map import compared
    from verify.diagnosis.black_box import diagnose_black_box

    outputs.check(recovered, *([Path(reference)] if Path(reference).exists() else []))
    network = load_network(recovered)
    oracle = oracle_from(reference, oracle_precision, network)
    with working() as progress:
        found = diagnose_black_box(oracle, network, max_queries, seed, progress)
        if found.repaired is not None and "layers" not in found.details and outputs.layers:
            progress("layers compared with the repaired network")
            layers = compared(found.repaired, network, found.faults)
            found = replace(found, details={**found.details, "layers": layers})
    write_outputs(found, ((recovered, network),), outputs, oracle=reference)
    raise typer.Exit(status(found))
