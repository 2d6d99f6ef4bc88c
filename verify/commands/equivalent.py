"""`verify equivalent`: how far do two networks differ on a domain?"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.commands.checkpoint import Checkpoint, Resume, Scheduler, opened
from precise.commands.output import check_place
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
    Maximum,
    Region,
    Second,
    Top1,
)
from verify.errors import InputError

if TYPE_CHECKING:
    from verify.decision import Decision, Effort
    from verify.properties.claim import Claim
    from verify.properties.domain import Domain

ONE_PROCESS = 32  # hidden neurons of both networks, up to which one process is the default


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
    maximum: Maximum = False,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the proof to FILE (.json or .json.gz).")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds for everything.")] = 60.0,
    engine: Annotated[
        str,
        typer.Option(
            metavar="auto|bounds|z3",
            help="Who decides; auto: what bounds leave open, the canonical form, units, or Z3.",
        ),
    ] = "auto",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes; if not given, all cores, or one for small networks."),
    ] = None,
    scheduler: Scheduler = None,
    checkpoint: Checkpoint = None,
    resume: Resume = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the verdict to FILE as JSON, exactly.")
    ] = None,
) -> None:
    """Prove that two networks differ by little on a domain, or show an input where they differ by more.

    POINT is numbers with commas between them or a file. All numbers count exactly, 1e-30 too. Ctrl-C ends the
    search; what was proved until then is reported, and --resume goes on from there if there is a checkpoint. Exit
    status 0: proved; 1: different, with an input that shows it; 3: neither.
    """
    from verify.certificate import write_certificate
    from verify.decision import Effort, Engine

    _check_engine(engine, scheduler, checkpoint, resume)
    taken = [first, second] if region is None else [first, second, region]
    for path in (json_file, certificate):
        if path is not None:
            other_file(path, *taken)
            check_place(path)
    if json_file is not None and certificate is not None:
        other_file(json_file, certificate)
    asked = Asked(box, ball, clip, epsilon, top1, margin, confidence, maximum, region)
    networks = load_network(first), load_network(second)
    started = time.monotonic()
    try:
        domain, claim, remark = asked.task(networks[0].input_width, networks[0].output_width)
    except InputError as error:
        raise InputError(f"{first} and {second}: {error}") from error
    others = [path for path in (*taken, json_file, certificate) if path is not None]
    journal = opened(checkpoint, resume, _identity(networks, domain, claim), *others)
    with working() as progress:
        chosen = Engine(engine)
        effort = Effort(
            timeout, jobs or _processes(networks), scheduler, journal=journal, tracer=progress, engine=chosen
        )
        try:
            decision = _decision(networks, domain, claim, effort)
        except InputError as error:
            if not str(error).startswith("expected"):  # it names the checkpoint or the scheduler
                raise
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
    show(f"{text(verdict)}\nclaim    {verdict.claim}\nengine   {verdict.details['engine']}")
    if certificate is not None:
        written = decision.certificate is not None
        why = (
            f"the engine that proves it, {verdict.details['engine']}, writes none"
            if verdict.outcome.exit_status == 0
            else "there is nothing proved to write"
        )
        show(f"certificate in {certificate}" if written else f"no certificate: {why}")
    raise typer.Exit(verdict.outcome.exit_status)


def _decision(networks: tuple[Network, Network], domain: Domain, claim: Claim | None, effort: Effort) -> Decision:
    from verify.equivalence import decide, maximum

    return maximum(*networks, domain, effort) if claim is None else decide(*networks, domain, claim, effort)


def _check_engine(engine: str, scheduler: str | None, checkpoint: Path | None, resume: Path | None) -> None:
    if engine not in ("auto", "bounds", "z3"):
        raise InputError(f"--engine {engine}: expected auto, bounds or z3")
    if engine == "z3" and (scheduler, checkpoint, resume) != (None, None, None):
        raise InputError("--engine z3: expected without --scheduler, --checkpoint and --resume; Z3 keeps nothing")


def _identity(networks: tuple[Network, Network], domain: Domain, claim: Claim | None) -> dict[str, str]:
    """What decides every choice of a search; the time, the number of processes and the cluster do not."""
    asked = {"domain": domain.to_json(), "claim": "max" if claim is None else claim.to_json()}
    return {
        "version": f"precise-verify {version('precise-verify')}",
        "command": "verify equivalent",
        "first network": networks[0].sha256,
        "second network": networks[1].sha256,
        **{name: sha256(json.dumps(value, sort_keys=True).encode()).hexdigest() for name, value in asked.items()},
    }


def _processes(networks: tuple[Network, Network]) -> int:
    """One for small networks, which are done before others have started; else as many as there are cores."""
    if sum(sum(network.widths[1:-1]) for network in networks) <= ONE_PROCESS:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
