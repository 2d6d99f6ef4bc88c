"""`verify check`: does a certificate prove what it claims about two networks?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from precise.formats import load_network
from precise.formats.atomic_file import other_file
from verify.commands.output import described, show, write_report
from verify.errors import InputError


def check(
    certificate: Annotated[Path, typer.Argument(help="A certificate that `verify equivalent` wrote.")],
    first: Annotated[Path, typer.Argument(help="The first network that it speaks of.")],
    second: Annotated[Path, typer.Argument(help="The second one.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write what is proved to FILE as JSON.")
    ] = None,
) -> None:
    """Check a certificate in exact arithmetic, independently of what has found it.

    Exit status 0: it proves its claim about these two networks; 2: it is refused, and one sentence says why.
    """
    from verify.certificate import claim_of, domain_of, read_certificate
    from verify.checker import Refused
    from verify.checker import check as checked

    if json_file is not None:
        other_file(json_file, first, second, certificate)
    networks, found = (load_network(first), load_network(second)), read_certificate(certificate)
    started = time.monotonic()
    try:
        proved = checked(found, *networks)
    except Refused as refused:
        raise InputError(f"{certificate}: {refused}") from refused
    seconds = round(time.monotonic() - started, 3)
    claim, domain = claim_of(found).describe(), domain_of(found).describe()
    report = {
        "command": "verify check",
        "certificate": {"file": str(certificate), "sha256": found["seal"]},
        "first": described(first, networks[0]),
        "second": described(second, networks[1]),
        "verdict": "proved",
        "claim": found["claim"],
        "domain": found["domain"],
        "bounds": found["bounds"],
        "leaves": proved.leaves,
        "seconds": seconds,
    }
    write_report(json_file, report)
    show(f"proved: {claim} on {domain}, from {proved.leaves} leaves in {seconds:.2f} s")
