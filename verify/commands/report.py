"""`verify report`: a comparison as one page, as JSON, and as tables for papers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.formats import load_network
from precise.formats.atomic_file import write_whole
from precise.network import Network
from verify.commands.equal import text
from verify.commands.output import check_report, show, working
from verify.commands.question import Asked, Ball, Box, Clip, Confidence, Epsilon, First, Margin, Region, Second, Top1
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.report_page.contents import Contents, Gathered, Question

SUFFIXES = (".html", ".json", ".md", ".tex")


def report(
    first: First,
    second: Second,
    output: Annotated[
        list[Path],
        typer.Option("-o", "--output", metavar="FILE", help="The report: .html, .json, .md or .tex; may be repeated."),
    ],
    box: Box = None,
    ball: Ball = None,
    clip: Clip = None,
    region: Region = None,
    epsilon: Epsilon = None,
    top1: Top1 = False,
    margin: Margin = None,
    confidence: Confidence = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the proof to FILE (.json or .json.gz).")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds for each of the verdicts.")] = 60.0,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Processes.")] = 1,
) -> None:
    """Compare two networks and write what was found as one page, as JSON or as tables.

    Equality on all of R^n is decided always; with a domain, also a property of the outputs there, or, if none is
    given, how far they differ at most. Exit status 0: everything is proved; 1: different; 3: something is open.
    """
    from verify.certificate import write_certificate

    _check_places(output, certificate, [path for path in (first, second, region) if path is not None])
    networks = load_network(first), load_network(second)
    try:
        gathered = _gathered(
            (first, second),
            networks,
            Asked(box, ball, clip, epsilon, top1, margin, confidence, False, region),
            (timeout, jobs),
            certificate,
        )
    except InputError as error:
        raise InputError(f"{first} and {second}: {error}") from error
    rendered = [(path, render(path.suffix.lower(), gathered.contents)) for path in output]
    if certificate is not None and gathered.decision is not None and gathered.decision.certificate is not None:
        write_certificate(certificate, gathered.decision.certificate)
    for path, data in rendered:
        write_whole(path, data.encode())
    show("\n".join([*map(text, gathered.verdicts), f"report in {', '.join(map(str, output))}"]))
    raise typer.Exit(_status([verdict.outcome.exit_status for verdict in gathered.verdicts]))


def render(suffix: str, contents: Contents) -> str:
    """A report in the form that a file's suffix names, one of SUFFIXES."""
    from verify.report_page.page import html_page
    from verify.report_page.tables import latex, markdown

    forms: dict[str, Callable[[Contents], str]] = {".html": html_page, ".md": markdown, ".tex": latex}
    return forms[suffix](contents) if suffix in forms else json.dumps(contents, indent=1) + "\n"


def _check_places(outputs: Sequence[Path], certificate: Path | None, taken: Sequence[Path]) -> None:
    for number, path in enumerate(outputs):
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(f"{path}: expected a report's name, ending in {', '.join(SUFFIXES)}")
        check_report(path, *taken, *outputs[:number])
    check_report(certificate, *taken, *outputs)


def _gathered(
    files: tuple[Path, Path],
    networks: tuple[Network, Network],
    asked: Asked,
    limits: tuple[float, int],
    certificate: Path | None,
) -> Gathered:
    from verify.equivalence import Effort
    from verify.report_page.contents import gather

    question = _question(asked, networks[0])
    if certificate is not None and question is None:
        raise InputError("--certificate: expected together with a domain; equality on all of R^n needs none")
    with working() as progress:
        effort = Effort(seconds=limits[0], jobs=limits[1], tracer=progress)
        return gather(files, networks, question, effort, certificate)


def _question(asked: Asked, network: Network) -> Question | None:
    """What to decide beside equality; the largest difference where only a domain is given."""
    from dataclasses import replace

    from verify.properties.specification import read_specification
    from verify.report_page.contents import Question

    sizes = network.input_width, network.output_width
    without_claim = asked.epsilon is None and not asked.top1
    if asked.box is None and asked.ball is None and asked.region is None:
        if without_claim and asked.clip is None and asked.margin is None and asked.confidence is None:
            return None
        raise InputError("expected a domain with a property: --box, --ball or --region")
    if without_claim and (asked.region is None or read_specification(asked.region, *sizes).claim is None):
        asked = replace(asked, maximum=True)
    return Question(*asked.task(*sizes))


def _status(statuses: Sequence[int]) -> int:
    """1 if anything is different, else 3 if anything is open, else 0."""
    return next((status for status in (1, 3) if status in statuses), 0)
