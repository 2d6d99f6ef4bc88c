"""`verify diagnose`: what is wrong with a recovered network, and the repaired one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.formats import load_network
from verify.commands.diagnosis_outputs import Outputs, status, write_outputs
from verify.commands.output import working
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.diagnosis.sign_confidence import SignConfidence


def diagnose(
    networks: Annotated[
        list[Path],
        typer.Argument(metavar="ORIGINAL RECOVERED", help="The original network, and the one that came out."),
    ],
    oracle: Annotated[
        str | None,
        typer.Option(
            metavar="ORACLE",
            help="Ask this oracle, or a network's file that only the oracle reads, instead of reading ORIGINAL.",
        ),
    ] = None,
    oracle_precision: Annotated[
        str | None, typer.Option(metavar="PRECISION", help="How the oracle answers: exact, bits:53, float64, ...")
    ] = None,
    max_queries: Annotated[int | None, typer.Option(min=1, metavar="N", help="The most points to ask.")] = None,
    repair: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the corrected network to OUT, and say with what verdict.")
    ] = None,
    formulas: Annotated[
        bool, typer.Option("--formulas", help="Also the hyperplane and the region of each fault's neuron.")
    ] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also a page for people.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write everything to FILE as JSON, exactly.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also the agreement by layer: .png, .pdf or .svg.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="S", help="Seconds for the search of inputs that show the faults.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of that search.")] = 0,
    sign_points: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Votes on each sign, for the page and the JSON report; 0 leaves them out."
        ),
    ] = 15,
) -> None:
    """Name every fault of a recovered network: layer, neuron, kind, evidence, and an input that shows it.

    Order of neurons and positive scales that are undone in the next layer are no faults. Exit status 0: no fault,
    proved equal, or none that an oracle's answers show; 1: faults that explain everything, and an input shows that the
    networks differ; 3: neither.
    """
    outputs = Outputs(repair, html, json_file, plot, formulas)
    if oracle is not None:
        if len(networks) != 1:
            raise InputError(f"--oracle: expected one network, RECOVERED, not {len(networks)}")
        from verify.commands.diagnose_black_box import diagnose_from_oracle

        diagnose_from_oracle(oracle, networks[0], outputs, oracle_precision, max_queries, seed)
    if oracle_precision is not None or max_queries is not None:
        raise InputError("--oracle-precision and --max-queries: expected with --oracle")
    if len(networks) != 2:
        raise InputError(f"expected two networks, ORIGINAL and RECOVERED, not {len(networks)}")
    outputs.check(*networks)
    _white_box((networks[0], networks[1]), outputs, timeout, seed, sign_points)


def _white_box(files: tuple[Path, Path], outputs: Outputs, timeout: float, seed: int, sign_points: int) -> None:
    from verify.diagnosis.sign_confidence import sign_confidences
    from verify.diagnosis.white_box import diagnose as diagnosed

    original, recovered = load_network(files[0]), load_network(files[1])
    with working() as progress:
        try:
            found = diagnosed(original, recovered, timeout, seed, progress)
        except InputError as error:
            raise InputError(f"{files[0]} and {files[1]}: {error}") from error
        signs: list[SignConfidence] = []
        if sign_points and (outputs.html is not None or outputs.json is not None):
            signs = sign_confidences(original, sign_points, seed, progress)
    write_outputs(found, ((files[0], original), (files[1], recovered)), outputs, signs)
    raise typer.Exit(status(found))
