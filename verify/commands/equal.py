"""`verify equal`: are two networks the same function on all of R^n?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precise.formats import load_network


def equal(
    first: Annotated[Path, typer.Argument(help="A network, say the original.")],
    second: Annotated[Path, typer.Argument(help="Another one, say the recovered.")],
) -> None:
    """Prove that two networks are the same function on all of R^n, or show an input where they differ."""
    from verify.structural import prove_equal

    verdict = prove_equal(load_network(first), load_network(second))
    print(f"{verdict.outcome.value} on {verdict.domain}: {verdict.reason}")
    raise typer.Exit(verdict.outcome.exit_status)
