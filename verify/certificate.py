"""Certificates as the engine writes them, and their files; `verify.checker` reads them on its own."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from precise.arithmetic import to_text
from precise.formats.atomic_file import write_whole
from precise.network import Network
from verify.checker.check import FORMAT, VERSION, Proved
from verify.checker.encoding import number, numbers, seal
from verify.checker.joint import Pair
from verify.errors import InputError
from verify.properties.claim import Claim, Excluded, SameTop1, Within
from verify.properties.domain import Domain

LARGEST_FILE = 1 << 30  # bytes, uncompressed; more is no certificate that this machine could check
MANTISSA = 48  # bits of the multipliers by rule: a bound loses about 2^-48 of its terms, and numbers stay short

Certificate = dict[str, Any]


def assemble(
    first: Network,
    second: Network,
    domain: Domain,
    claim: Claim,
    pairs: Sequence[Sequence[Pair]],
    mantissa: int | None,
    tighten: Sequence[Mapping[str, object]],
    trees: Sequence[Sequence[Mapping[str, object]]],
    phases: bool = False,
) -> Certificate:
    """A certificate without the bounds that it proves: `sealed` adds them."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "networks": [first.sha256, second.sha256],
        "domain": domain.to_json(),
        "claim": claim.to_json(),
        "pairs": [[[i, j, to_text(factor)] for i, j, factor in layer] for layer in pairs],
        "mantissa": mantissa,
        "phases": phases,
        "tighten": list(tighten),
        "trees": list(trees),
    }


def sealed(certificate: Certificate, claim: Claim, proved: Proved) -> Certificate:
    """The certificate with its claim, the bounds it proves and its seal."""
    bounds = [None if bound is None else to_text(bound) for bound in proved.bounds]
    whole = certificate | {"claim": claim.to_json(), "bounds": bounds}
    return whole | {"seal": seal(whole)}


def claim_of(certificate: Certificate) -> Claim:
    """The claim of a certificate that the checker has accepted."""
    claim = certificate["claim"]
    if claim["property"] == "within":
        return Within(tuple(number(e) for e in claim["epsilon"]))
    if claim["property"] == "top1":
        return SameTop1(number(claim["margin"]))
    return Excluded(
        tuple(
            tuple((tuple(numbers(row)), number(bound), bool(strict)) for row, bound, strict in conditions)
            for conditions in claim["alternatives"]
        )
    )


def domain_of(certificate: Certificate) -> Domain:
    """The domain of a certificate that the checker has accepted."""
    written = certificate["domain"]
    halfspaces = tuple((tuple(numbers(normal)), number(bound)) for normal, bound in written["halfspaces"])
    return Domain(tuple(numbers(written["lower"])), tuple(numbers(written["upper"])), halfspaces)


def write_certificate(path: str | Path, certificate: Certificate) -> None:
    """Write a certificate as JSON, compressed if the name ends in .gz.

    Raises:
        InputError: the file cannot be written.
    """
    data = json.dumps(certificate, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    write_whole(path, gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)


def read_certificate(path: str | Path) -> Certificate:
    """Read a certificate; whether it proves anything is for the checker to say.

    Raises:
        InputError: the file is missing, too large, or no JSON object.
    """
    try:
        with gzip.open(path, "rb") if str(path).endswith(".gz") else open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, EOFError, MemoryError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected a certificate that can be read: {reason}") from error
    if len(data) > LARGEST_FILE:
        raise InputError(f"{path}: expected a certificate of at most {LARGEST_FILE} bytes")
    try:
        certificate = json.loads(data)
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{path}: expected a certificate in JSON: {error!s:.80}") from error
    if not isinstance(certificate, dict):
        raise InputError(f"{path}: expected a certificate, a JSON object")
    return certificate
