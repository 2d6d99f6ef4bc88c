"""What a report says: verdicts, certificates, errors neuron by neuron; JSON-ready, and the same for every rendering.

The key of each part is the key in `schema.json`. Whoever adds a part adds it here, there, and to the pages' sections.
"""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from precise.network import Network
from verify.equality.structural import prove_equal
from verify.equivalence import Decision, Effort, decide, maximum
from verify.properties.claim import Claim
from verify.properties.domain import Domain
from verify.report_page.error_map import error_map
from verify.verdict import Verdict

FORMAT, VERSION = "precise-verify report", 1
PACKAGES = ("precise-verify", "python-flint", "numpy", "highspy")

Contents = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What to decide on a domain, beside equality on all of R^n."""

    domain: Domain
    claim: Claim | None  # None: the largest difference is wanted
    remark: str = ""  # about the file that the question comes from


@dataclass(frozen=True)
class Gathered:
    """The contents of a report, and what it refers to."""

    contents: Contents
    verdicts: tuple[Verdict, ...]
    decision: Decision | None  # the answer to the question; it holds the certificate


def gather(
    files: tuple[Path, Path],
    networks: tuple[Network, Network],
    question: Question | None,
    effort: Effort,
    certificate: Path | None = None,
) -> Gathered:
    """Decide equality, then the question, and describe both.

    Args:
        files: where the networks come from, for the report.
        networks: f and g.
        question: None: equality on all of R^n only.
        effort: its seconds are for each of the two.
        certificate: the file that the caller will write the certificate to.

    Raises:
        InputError: the networks differ in the number of inputs or outputs.
    """
    started = time.monotonic()
    equality = prove_equal(*networks, timeout=effort.seconds, progress=effort.tracer)
    verdicts = [_verdict(equality, time.monotonic() - started)]
    decision = None
    if question is not None:
        started = time.monotonic()
        decision = _decided(networks, question, effort)
        found = _verdict(decision.verdict, time.monotonic() - started)
        if question.remark:
            found["reason"] += f"; {question.remark}"
        found["certificate"] = _certificate(decision, certificate)
        verdicts.append(found)
    contents = {
        "format": FORMAT,
        "version": VERSION,
        "networks": [network_described(path, network) for path, network in zip(files, networks, strict=True)],
        "verdicts": verdicts,
        "errors": error_map(*networks),
        "versions": versions(),
    }
    return Gathered(contents, (equality, *([decision.verdict] if decision else [])), decision)


def _decided(networks: tuple[Network, Network], question: Question, effort: Effort) -> Decision:
    if question.claim is None:
        return maximum(*networks, question.domain, effort)
    return decide(*networks, question.domain, question.claim, effort)


def _verdict(verdict: Verdict, seconds: float) -> dict[str, Any]:
    found = verdict.to_json()
    return found | {"witness": found.get("witness"), "certificate": None, "seconds": round(seconds, 3)}


def _certificate(decision: Decision, path: Path | None) -> dict[str, Any] | None:
    if decision.certificate is None:
        return None
    return {"file": None if path is None else str(path), "seal": decision.certificate["seal"]}


def network_described(path: Path, network: Network) -> dict[str, Any]:
    """A network file for a report."""
    return {
        "file": str(path),
        "widths": list(network.widths),
        "parameters": network.parameter_count,
        "sha256": network.sha256,
    }


def versions() -> dict[str, str]:
    """What the report was made with."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
