"""`verify diagnose --oracle ORACLE RECOVERED`: what is wrong with a network, from an oracle's answers alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.commands.output import check_place
from precise.commands.reference import oracle_from
from precise.formats import format_of, load_network, save_network
from precise.formats.atomic_file import other_file
from verify.commands.output import check_report, described, show, working, write_report
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.diagnosis.fault import Diagnosis


def diagnose(
    recovered: Annotated[Path, typer.Argument(help="The network in question.")],
    oracle: Annotated[
        str, typer.Option(metavar="ORACLE", help="module:function, or a network's file, which only the oracle reads.")
    ],
    oracle_precision: Annotated[
        str | None,
        typer.Option(metavar="PRECISION", help="How it answers: exact, bits:53, float64, ...", show_default=False),
    ] = None,
    max_queries: Annotated[
        int | None, typer.Option(min=1, help="Stop cleanly before asking more.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random choice follows from it.")] = 0,
    repair: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the repaired network to OUT.", show_default=False)
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the diagnosis to FILE as JSON.")
    ] = None,
) -> None:
    """Say what is wrong with a recovered network, by asking an oracle.

    Exit status 0: no fault; 1: faults that explain everything; 3: something is left unexplained or open.
    """
    diagnose_from_oracle(oracle, recovered, oracle_precision, max_queries, seed, repair, json_file)


def diagnose_from_oracle(
    reference: str,
    recovered: Path,
    oracle_precision: str | None = None,
    max_queries: int | None = None,
    seed: int = 0,
    repair: Path | None = None,
    json_file: Path | None = None,
) -> None:
    """Diagnose a recovered network with an oracle, show and write what was found.

    Args:
        reference: `module:function`, or a network's file, which only the oracle reads.
        recovered: the file of the network in question.
        oracle_precision: how the oracle answers, such as exact, bits:53 or float64; a function: exact or bits:P.
        max_queries: the most points to ask.
        seed: every random choice follows from it.
        repair: where to write the repaired network.
        json_file: where to write the diagnosis as JSON.

    Raises:
        InputError: an option or a file is not what it must be.
        typer.Exit: 0 no fault, 1 faults that explain everything, 3 something is unexplained or unproved.
    """
    from verify.diagnosis.black_box import diagnose_black_box

    check_report(json_file, recovered)
    _check_repair(repair, recovered, json_file)
    network = load_network(recovered)
    oracle = oracle_from(reference, oracle_precision, network)
    with working() as progress:
        found = diagnose_black_box(oracle, network, max_queries, seed, progress)
    report = {"command": "verify diagnose", "oracle": reference, "recovered": described(recovered, network)}
    write_report(json_file, report | _figures(found))
    written = ""
    if repair is not None and found.repaired is not None and found.faults:
        saved = save_network(found.repaired, repair)
        written = f"\nrepaired network written to {repair} ({saved.format})"
    elif repair is not None:
        written = f"\n{repair} was not written: there is nothing to repair, or it could not be repaired"
    show(text(found) + written)
    raise typer.Exit(exit_status(found))


def exit_status(found: Diagnosis) -> int:
    """0: no fault; 1: faults that explain everything; 3: something is left open."""
    if not found.explained or found.alternatives:
        return 3
    return 1 if found.faults else 0


def text(found: Diagnosis) -> str:
    """The diagnosis for a person."""
    lines = [found.outcome, f"{found.queries:,} queries, {found.seconds:.2f} s, seed {found.seed}"]
    for fault in found.faults:
        neurons = ", ".join(map(str, fault.neurons))
        where = f"layer {fault.layer}" + (f", neuron {neurons}" if neurons else "")
        lines += ["", f"{where}: {fault.kind.value} ({fault.certainty.value})", f"  {fault.evidence}"]
    for number, other in enumerate(found.alternatives, 1):
        places = ", ".join(f"layer {f.layer} neuron {n}" for f in other for n in f.neurons) or "no fault"
        lines += ["", f"another explanation ({number}): {places}"]
    return "\n".join(lines)


def _check_repair(repair: Path | None, recovered: Path, json_file: Path | None) -> None:
    if repair is None:
        return
    if not format_of(repair).writes:
        raise InputError(f"{repair}: expected a format that can be written: .json .npz .onnx .safetensors")
    other_file(repair, recovered, *([json_file] if json_file else []))
    check_place(repair)


def _figures(found: Diagnosis) -> dict[str, object]:
    return {
        "outcome": found.outcome,
        "explained": found.explained,
        "faults": [fault.to_json() for fault in found.faults],
        "alternatives": [[fault.to_json() for fault in other] for other in found.alternatives],
        "queries": found.queries,
        "seconds": round(found.seconds, 3),
        "seed": found.seed,
        "details": found.details,
    }
