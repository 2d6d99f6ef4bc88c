"""What a finished study leaves in its folder: study.json, study.md, the plots and report.html."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from shlex import quote

from precise.study.cells import Limits
from precise.study.folder import Folder
from precise.study.models import Models
from precise.study.page import page
from precise.study.record import Record
from precise.study.run import versions
from precise.study.summary import Study, study_of
from precise.study.tables import Table, smallest_table, tables

Setting = tuple[Sequence[int], Sequence[str], int, int]  # bits, formats, first seed, number of seeds
NO_PLOTS = "no plots were drawn: they need matplotlib; after pip install 'precise-verify[plots]', --resume draws them"


def written(
    folder: Folder, models: Models, records: Sequence[Record], setting: Setting, limits: Limits, beside: Table | None
) -> str:
    """Write everything, and say what came out and where it is.

    Raises:
        InputError: a file cannot be written.
    """
    study = study_of(models.networks, models.files, models.names, records)
    study |= {
        "command": command(models, folder, setting),
        "bits": list(setting[0]),
        "formats": list(setting[1]),
        "seeds": list(range(setting[2], setting[2] + setting[3])),
        "limits": limits.to_json(),
        "versions": versions(),
    }
    pictures = _pictures(folder, study)
    shown = [*tables(study), *([beside] if beside else [])]
    folder.write("study.json", (json.dumps(study, indent=1) + "\n").encode())
    folder.write("study.md", _markdown(study, shown).encode())
    folder.write("report.html", page(study, shown, pictures).encode())
    names = "study.json, study.md, report.html" + (f" and {len(pictures)} plots" if pictures else "")
    said = [smallest_table(study).text(), "", f"written to {folder.path}: {names}"]
    return "\n".join(said if pictures else [*said, NO_PLOTS])


def command(models: Models, folder: Folder, setting: Setting) -> str:
    """The command line that repeats the study."""
    bits, formats, seed, seeds = setting
    parts = ["precise", "study", *models.files, "-o", str(folder.path), "--bits", ",".join(map(str, bits))]
    parts += ["--formats", ",".join(formats) or "none", "--seed", str(seed), "--seeds", str(seeds)]
    return " ".join(map(quote, parts))


def _pictures(folder: Folder, study: Study) -> list[tuple[str, str, str]]:
    """Draw and write the plots; (caption, alternative text, SVG for the page) of each, none without matplotlib."""
    if find_spec("matplotlib") is None:
        return []
    from precise.study.plots import plots
    from precise.study.svg import inline, png, svg

    found = []
    for plot in plots(study):
        folder.write(f"{plot.name}.png", png(plot.figure))
        drawn = svg(plot.figure)
        folder.write(f"{plot.name}.svg", drawn)
        found.append((plot.caption, plot.alternative, inline(drawn, plot.name, plot.alternative)))
    return found


def _markdown(study: Study, shown: Sequence[Table]) -> str:
    numbers = ", ".join(f"{name} {number}" for name, number in study["versions"].items())
    head = f"# What precision gives away\n\nMade by `{study['command']}`, with {numbers}.\n"
    return "\n".join([head, *(table.markdown() for table in shown)])
