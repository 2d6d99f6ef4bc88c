"""`verify equivalent`: how far do two networks differ on a domain?"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.formats import load_network
from precise.formats.atomic_file import other_file
from precise.network import Network
from verify.commands.equal import text
from verify.commands.output import described, show, working, write_report
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.claim import Claim
    from verify.domain import Domain
    from verify.equivalence import Decision

Pair = tuple[str, str]


@dataclass(frozen=True)
class Asked:
    """The options that say what to prove and where, as they were given."""

    box: Pair | None
    ball: Pair | None
    clip: Pair | None
    epsilon: str | None
    top1: bool
    margin: str | None
    confidence: str | None
    maximum: bool
    region: Path | None

    def task(self, inputs: int, outputs: int) -> tuple[Domain, Claim | None, str]:
        """(domain, claim, a remark or ""); a claim of None: the maximum is wanted.

        Raises:
            InputError: not exactly one of each was given, or it makes no sense.
        """
        from verify.specification import read_specification

        if (self.box is not None) + (self.ball is not None) + (self.region is not None) != 1:
            raise InputError("expected exactly one domain: --box, --ball or --region")
        if self.region is None:
            return self.domain(inputs), self.claim(outputs), ""
        if self.clip is not None:
            raise InputError("--clip: expected together with --ball")
        file = read_specification(self.region, inputs, outputs)
        if self.epsilon is not None or self.top1 or self.maximum:
            return file.domain, self.claim(outputs), ""
        if file.claim is None:
            raise InputError("expected --epsilon, --top1 or --max: the file of the region says nothing of two outputs")
        remark = "the file's conditions on the outputs contradict one another, so no outputs meet them whatever f and g"
        return file.domain, file.claim, remark if file.contradictory else ""

    def domain(self, inputs: int) -> Domain:
        """The domain of --box or --ball.

        Raises:
            InputError: it makes no sense.
        """
        from verify.domain import ball, box
        from verify.point import read_point

        if self.clip is not None and self.ball is None:
            raise InputError("--clip: expected together with --ball")
        if self.box is not None:
            return box(*self.box, inputs)
        assert self.ball is not None
        return ball(read_point(self.ball[0], inputs), self.ball[1], self.clip)

    def claim(self, outputs: int) -> Claim | None:
        """The claim; None: the maximum is wanted.

        Raises:
            InputError: not exactly one was given, or it makes no sense.
        """
        from verify.claim import logit_margin, same_top1, within

        if (self.epsilon is not None) + self.top1 + self.maximum != 1:
            raise InputError("expected exactly one property: --epsilon, --top1 or --max")
        if (self.margin is not None or self.confidence is not None) and not self.top1:
            raise InputError("--margin and --confidence: expected together with --top1")
        if self.margin is not None and self.confidence is not None:
            raise InputError("expected one of --margin and --confidence, not both")
        if self.epsilon is not None:
            return within(self.epsilon, outputs)
        margin = self.margin if self.confidence is None else logit_margin(self.confidence)
        return same_top1(outputs, margin or 0) if self.top1 else None


def equivalent(
    first: Annotated[Path, typer.Argument(help="A network f, say the original.")],
    second: Annotated[Path, typer.Argument(help="Another one, g, say the recovered.")],
    box: Annotated[Pair | None, typer.Option(metavar="LO HI", help="Domain: every input between two numbers.")] = None,
    ball: Annotated[
        Pair | None,
        typer.Option(metavar="POINT RADIUS", help="Domain: inputs that differ by at most RADIUS from POINT."),
    ] = None,
    clip: Annotated[Pair | None, typer.Option(metavar="LO HI", help="Only the part of --ball in this box.")] = None,
    region: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Domain: the inputs of a VNN-LIB file; its property, if none is given."),
    ] = None,
    epsilon: Annotated[
        str | None, typer.Option(metavar="E", help="Property: outputs differ by at most E; 0 is equality.")
    ] = None,
    top1: Annotated[bool, typer.Option("--top1", help="Property: the largest output is the same one.")] = False,
    margin: Annotated[
        str | None, typer.Option(metavar="D", help="--top1 only where f's largest output leads by D.")
    ] = None,
    confidence: Annotated[
        str | None, typer.Option(metavar="P", help="--top1 only where f's softmax gives one output P or more.")
    ] = None,
    maximum: Annotated[bool, typer.Option("--max", help="Property: none; find the largest difference.")] = False,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the proof to FILE (.json or .json.gz).")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds for everything.")] = 60.0,
    jobs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Processes; all cores if not given.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the verdict to FILE as JSON, exactly.")
    ] = None,
) -> None:
    """Prove that two networks differ by little on a domain, or show an input where they differ by more.

    POINT is numbers with commas between them or a file. All numbers count exactly, 1e-30 too. Ctrl-C ends the
    search; what was proved until then is reported. Exit status 0: proved; 1: different, with an input that
    shows it; 3: neither.
    """
    from verify.certificate import write_certificate

    taken = [first, second] if region is None else [first, second, region]
    for path in (json_file, certificate):
        if path is not None:
            other_file(path, *taken)
    if json_file is not None and certificate is not None:
        other_file(json_file, certificate)
    asked = Asked(box, ball, clip, epsilon, top1, margin, confidence, maximum, region)
    networks = load_network(first), load_network(second)
    started = time.monotonic()
    try:
        decision, remark = _decided(networks, asked, timeout, jobs or _cores())
    except InputError as error:
        raise InputError(f"{first} and {second}: {error}") from error
    if certificate is not None and decision.certificate is not None:
        write_certificate(certificate, decision.certificate)
    verdict = decision.verdict
    if remark:
        verdict = replace(verdict, reason=f"{verdict.reason}; {remark}")
    report = {
        "command": "verify equivalent",
        "first": described(first, networks[0]),
        "second": described(second, networks[1]),
        **verdict.to_json(),
        "history": decision.history,
        "certificate": None if decision.certificate is None else decision.certificate["seal"],
        "seconds": round(time.monotonic() - started, 3),
    }
    write_report(json_file, report)
    show(f"{text(verdict)}\nclaim    {verdict.claim}")
    if certificate is not None:
        written = decision.certificate is not None
        show(f"certificate in {certificate}" if written else "no certificate: there is nothing proved to write")
    raise typer.Exit(verdict.outcome.exit_status)


def _decided(networks: tuple[Network, Network], asked: Asked, timeout: float, jobs: int) -> tuple[Decision, str]:
    from verify.equivalence import Effort, decide, maximum

    first, second = networks
    domain, claim, remark = asked.task(first.input_width, first.output_width)
    with working() as progress:
        effort = Effort(seconds=timeout, jobs=jobs, tracer=progress)
        if claim is None:
            return maximum(first, second, domain, effort), remark
        return decide(first, second, domain, claim, effort), remark


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
