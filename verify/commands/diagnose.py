"""`verify diagnose`: what is wrong with a recovered network, and the repaired one."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from precise.formats import format_of, load_network, save_network
from precise.formats.atomic_file import write_whole
from precise.network import Network
from verify.commands.output import check_report, show, working, write_report
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.diagnosis.fault import Diagnosis, Fault
    from verify.diagnosis.formulas import Formulas
    from verify.diagnosis.sign_confidence import SignConfidence

SHOWN = 20  # faults that are printed
WIDTH = 110


@dataclass(frozen=True)
class Outputs:
    """Where the results go, and what is to be in them."""

    repair: Path | None
    html: Path | None
    json: Path | None
    plot: Path | None
    formulas: bool

    def check(self, *taken: Path) -> None:
        """Make sure, before the work, that everything can be written.

        Raises:
            InputError: something cannot.
        """
        from verify.plots import SUFFIXES

        places = [path for path in (self.repair, self.html, self.json, self.plot) if path is not None]
        for number, path in enumerate(places):
            check_report(path, *taken, *places[:number])
        if self.repair is not None and not format_of(self.repair).writes:
            raise InputError(f"{self.repair}: expected a format that networks are written in, such as .json")
        if self.html is not None and self.html.suffix.lower() != ".html":
            raise InputError(f"{self.html}: expected a page's name, ending in .html")
        if self.plot is not None and self.plot.suffix not in SUFFIXES:
            raise InputError(f"{self.plot}: expected a picture's name, ending in {', '.join(SUFFIXES)}")


def diagnose(
    networks: Annotated[
        list[Path],
        typer.Argument(metavar="ORIGINAL RECOVERED", help="The original network, and the one that came out."),
    ],
    oracle: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="Ask this oracle instead of reading ORIGINAL."),
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
    proved equal; 1: faults are named, and an input shows that the networks differ; 3: neither.
    """
    outputs = Outputs(repair, html, json_file, plot, formulas)
    if oracle is not None:
        if len(networks) != 1:
            raise InputError(f"--oracle: expected one network, RECOVERED, not {len(networks)}")
        if formulas or html is not None or plot is not None:
            raise InputError("--formulas, --html and --plot: expected with ORIGINAL, not with --oracle")
        from verify.commands.diagnose_black_box import diagnose_from_oracle

        diagnose_from_oracle(oracle, networks[0], oracle_precision, max_queries, seed, repair, json_file)
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


def status(found: Diagnosis) -> int:
    """The exit status: 0 no fault, proved; 1 faults, and the difference is shown; 3 neither."""
    if not found.faults:
        return 0 if found.explained else 3
    return 1 if any(fault.witness is not None for fault in found.faults) else 3


def write_outputs(
    found: Diagnosis, files: tuple[tuple[Path, Network], ...], outputs: Outputs, signs: list[SignConfidence]
) -> None:
    """Print a diagnosis, and write what was asked for.

    Args:
        found: the diagnosis.
        files: the networks that were read, the recovered one last.
        outputs: where the results go.
        signs: how hard the original's signs are to tell; none: it was not looked at.

    Raises:
        InputError: something cannot be written.
    """
    from verify.diagnosis.contents import contents_of
    from verify.diagnosis.page import diagnosis_page

    formulas = _formulas(found, files) if outputs.formulas else []
    repaired = _repaired(found, files, outputs.repair)
    contents = contents_of(found, files, signs, formulas, repaired)
    lines = [text(found, formulas)]
    if outputs.plot is not None:
        from verify.plots import agreement_by_layer, save

        save(agreement_by_layer(contents["layers"]), outputs.plot)
        lines.append(f"picture in {outputs.plot}")
    if outputs.html is not None:
        write_whole(outputs.html, diagnosis_page(contents).encode())
        lines.append(f"page in {outputs.html}")
    write_report(outputs.json, {"command": "verify diagnose", **contents})
    if outputs.repair is not None:
        lines.append(
            "no repaired network is written: the faults that were found do not explain all of the difference"
            if repaired is None
            else f"repaired network in {outputs.repair}: {repaired['verdict']}, {repaired['reason']}"
        )
    show("\n".join(lines))


def text(found: Diagnosis, formulas: list[Formulas | None]) -> str:
    """The diagnosis for a person."""
    lines = [textwrap.fill(found.outcome, WIDTH)]
    for number, fault in enumerate(found.faults[:SHOWN]):
        lines += ["", *_fault(fault)]
        if number < len(formulas) and (one := formulas[number]) is not None:
            lines += [f"  {line}" for line in one.lines]
    if len(found.faults) > SHOWN:
        lines += ["", f"and {len(found.faults) - SHOWN} more faults (--json FILE has them all)"]
    for other in found.alternatives:
        lines += ["", f"As well: {'; '.join(_place(fault) for fault in other)}."]
    return "\n".join(lines)


def _fault(fault: Fault) -> list[str]:
    from verify.commands.equal import witness_lines

    head = f"{_place(fault)} ({fault.certainty.value})"
    lines = [head, *textwrap.wrap(fault.evidence, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    shown = [] if fault.witness is None else witness_lines(fault.witness)
    return lines + [f"  {line}" for line in shown]


def _place(fault: Fault) -> str:
    from verify.diagnosis.page import place

    return f"{place(fault.to_json())}: {fault.kind.value}"


def _formulas(found: Diagnosis, files: tuple[tuple[Path, Network], ...]) -> list[Formulas | None]:
    from verify.diagnosis.formulas import formulas_of

    original, recovered = files[0][1], files[-1][1]
    return [formulas_of(original, recovered, fault) for fault in found.faults[:SHOWN]]


def _repaired(found: Diagnosis, files: tuple[tuple[Path, Network], ...], path: Path | None) -> dict[str, Any] | None:
    """Write the repaired network and compare what stands in the file, which may hold rounded numbers."""
    from verify.equality.structural import prove_equal

    if path is None or found.repaired is None:
        return None
    saved = save_network(found.repaired, path)
    verdict, rounded = found.verdict, saved.rounded
    if rounded and len(files) == 2:
        verdict = prove_equal(files[0][1], load_network(path))
    assert verdict is not None
    reason = verdict.reason + (f"; {rounded} values were rounded to fit the format" if rounded else "")
    return {"file": str(path), "verdict": verdict.outcome.value, "reason": reason, "rounded": rounded}
