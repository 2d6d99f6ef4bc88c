"""`verify equivalent`: how far do two networks differ on a domain?"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.formats import load_network
from precise.formats.atomic_file import other_file
from precise.network import Network
from verify.commands.equal import text
from verify.commands.output import described, show, working, write_report
from verify.commands.question import (
    Asked,
    Ball,
    Box,
    Clip,
    Confidence,
    Epsilon,
    First,
    Margin,
    Region,
    Second,
    Top1,
)
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.equivalence import Decision


def equivalent(
    first: First,
    second: Second,
    box: Box = None,
    ball: Ball = None,
    clip: Clip = None,
    region: Region = None,
    epsilon: Epsilon = None,
    top1: Top1 = False,
    margin: Margin = None,
    confidence: Confidence = None,
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
