"""`precise study`: what precision gives a network away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precise.commands.output import progress_display, show


def study(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Networks, such as fixtures/*.npz.")],
    folder: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the study; made if new.")],
    bits: Annotated[
        str | None,
        typer.Option(metavar="8,16,...", help="Precisions of the oracle, in bits.", show_default="8 to 1024"),
    ] = None,
    formats: Annotated[
        str, typer.Option(metavar="NAMES", help="Hardware formats as well; or none.")
    ] = "float16,bfloat16,float32,float64",
    seed: Annotated[int, typer.Option(min=0, help="Every random choice follows from it.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Repetitions, with seeds from --seed on.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the result does not depend on it.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Of a Dask cluster to use instead, such as tcp://HOST:8786.", show_default=False
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the study that DIR holds.")] = False,
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON of digits side by side, for a table in the report.", show_default=False
        ),
    ] = None,
) -> None:
    """Extract networks at many precisions of their oracles, and report what each of them gives away.

    DIR gets study.json, study.md, report.html and, with matplotlib, the plots. Every finished cell is kept in DIR, so
    that a killed study goes on with --resume.
    """
    from precise.executors import Workers
    from precise.study import cells as grid
    from precise.study.folder import Folder
    from precise.study.models import load_models
    from precise.study.run import identity, run_study
    from precise.study.side_by_side import read_table
    from precise.study.written import written

    precisions = grid.DEFAULT_BITS if bits is None else grid.parse_bits(bits)
    chosen = grid.parse_formats(formats)
    repetitions = tuple(range(seed, seed + seeds))
    found = load_models(models, chosen)
    table = None if beside is None else read_table(beside)
    place, limits = Folder(folder), grid.Limits()
    place.prepare(resume)
    journal = place.journal(identity(found.networks, precisions, chosen, repetitions, limits), resume)
    cells = grid.grid(len(found.networks), precisions, chosen, repetitions)
    try:
        with progress_display() as progress:
            records = run_study(found.networks, found.names, cells, limits, journal, Workers(jobs, scheduler), progress)
    except BaseException:
        place.abandon_if_empty(journal)
        raise
    finally:
        journal.close()
    show(written(place, found, records, (precisions, chosen, seed, seeds), limits, table))
