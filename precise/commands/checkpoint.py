"""`--checkpoint FILE` and `--resume FILE`: which run a checkpoint is of."""

from __future__ import annotations

import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from precise.commands.output import check_place
from precise.errors import InputError

if TYPE_CHECKING:
    from precise.journal.file import Journal

Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Of a Dask cluster to use instead, such as tcp://HOST:8786.", show_default=False
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep what is paid for in FILE, a new one.", show_default=False),
]
Resume = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Go on with the run that wrote this checkpoint.", show_default=False),
]


def opened(checkpoint: Path | None, resume: Path | None, identity: dict[str, str], *others: Path) -> Journal | None:
    """The journal to write, new or of an unfinished run; None when neither is wanted.

    Raises:
        InputError: both are wanted, the file is also another of the command's, or it is of another run.
    """
    if checkpoint is not None and resume is not None:
        raise InputError("expected --checkpoint FILE to begin, or --resume FILE to go on, not both")
    path = checkpoint or resume
    if path is None:
        return None
    from precise.journal.file import Journal

    if path.resolve() in [other.resolve() for other in others]:
        raise InputError(f"{path}: expected a checkpoint in a file of its own")
    check_place(path)
    return Journal.create(path, identity) if resume is None else Journal.resume(path, identity)


def identity_of(
    model: Path | None,
    oracle: str,
    shape: tuple[int, ...] | None,
    seed: int,
    precision: str | None,
    methods: tuple[str, str] = ("walk", "exact"),
) -> dict[str, str]:
    """What decides every choice of a run; the budget, the number of processes and the cluster do not.

    Args:
        methods: for the signatures, and for the signs.
    """
    source = model or _source(oracle)
    return {
        "version": f"precise-verify {version('precise-verify')}",
        "model": "unknown" if source is None else sha256(source.read_bytes()).hexdigest(),
        "oracle": oracle,
        "precision": precision or "as the oracle says",
        "widths": "auto" if shape is None else "-".join(map(str, shape)),
        "seed": str(seed),
        "signatures": methods[0],
        "sign method": methods[1],
    }


def _source(oracle: str) -> Path | None:
    """The file of a user's function."""
    file = getattr(sys.modules.get(oracle.partition(":")[0]), "__file__", None)
    return None if file is None else Path(file)
