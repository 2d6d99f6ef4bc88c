"""The study as one HTML page that needs nothing else: no script, no font, no network; light or dark, on a phone too."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from shlex import quote
from typing import Any

from precise.study.fit import Line
from precise.study.summary import Study
from precise.study.tables import Table
from precise.web_page import web_page, wide

STYLE = """
main { max-width: 68rem }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .7rem;
  white-space: pre-wrap }
.wide { margin: .6rem 0 }
table { font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { border: 1px solid var(--line); padding: .2rem .5rem; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
thead th { background: var(--card); white-space: normal; vertical-align: bottom; min-width: 4rem }
tbody th { font-weight: normal }
.words { text-align: left }
.good { color: var(--good); font-weight: 600 }
.bad { color: var(--bad); font-weight: 600 }
figure { margin: 1.4rem 0 }
figure .wide svg { display: block; max-width: 100%; min-width: min(100%, 34rem); height: auto; color: var(--text) }
@media (max-width: 36rem) { figure .wide svg { max-width: none; width: 40rem } }
"""


def page(study: Study, tables: Sequence[Table], pictures: Sequence[tuple[str, str, str]]) -> str:
    """The page; every text from a file is escaped.

    Args:
        pictures: (caption, alternative text, SVG) of every plot.
    """
    body = [
        _lead(study),
        _table(tables[0]),
        _growth(study),
        *_figures(pictures),
        *map(_table, tables[1:]),
        _again(study),
    ]
    return web_page("What precision gives away", "".join(body), STYLE)


def _lead(study: Study) -> str:
    runs = study["extractions"]
    wrong = sum(record["wrong"] for record in runs)
    claims = (
        f'<p class="bad">{wrong} claims of these runs are not true.</p>'
        if wrong
        else "<p>No row, sign or rational that a run claimed was wrong.</p>"
    )
    names = ", ".join(escape(model["name"]) for model in study["models"])
    counts = [sum(bool(record[kind]) for record in runs) for kind in ("recovered", "exact")]
    return (
        f"<p>{names}: {len(runs)} extractions from queries alone, at {len(study['bits'])} precisions of the oracle and "
        f"in {len(study['formats'])} hardware formats, scored against the true weights afterwards. {counts[0]} "
        f"recovered the whole network, {counts[1]} of them exactly.</p>{claims}"
    )


def _growth(study: Study) -> str:
    fit = study["fit"]["line"]
    if fit is None:
        return (
            "<h2>Growth with the condition numbers</h2><p>Too few layers came out whole for a fit: add models of other "
            "depths or more precisions.</p>"
        )
    line = Line(**fit)
    return (
        "<h2>Growth with the condition numbers</h2><p>Over the complete extractions by matching, the weakest row of a "
        f"layer lacks {line.intercept:.1f} + {line.slope:.2f} g of the oracle's bits, g being log2 of the product of "
        f"the condition numbers up to that layer. The residual is {line.residual:.1f} bits (root mean square, "
        f"{line.points} points). The line describes these points; it claims nothing about other networks.</p>"
    )


def _figures(pictures: Sequence[tuple[str, str, str]]) -> list[str]:
    if not pictures:
        return ["<h2>Plots</h2><p>Not drawn: matplotlib was missing (pip install 'precise-verify[plots]').</p>"]
    found = ["<h2>Plots</h2>"]
    for number, (caption, _, drawn) in enumerate(pictures, 1):
        place = wide(f"Figure {number}", drawn)
        found.append(f"<figure>{place}<figcaption>Figure {number}. {escape(caption)}</figcaption></figure>")
    return found


def _table(table: Table) -> str:
    words = [any(row[n][:1].isalpha() for row in table.rows) for n in range(len(table.head))]
    columns = list(zip(table.head, words, strict=True))
    head = "".join(f"<th scope=col{_side(left)}>{escape(name)}</th>" for name, left in columns)
    rows = "".join(
        f"<tr><th scope=row>{escape(first)}</th>{''.join(map(_cell, rest, words[1:]))}</tr>"
        for first, *rest in table.rows
    )
    note = f'<p class="muted">{escape(table.note)}</p>' if table.note else ""
    name = escape(table.title, quote=True)
    drawn = wide(name, f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    return f"<h2>{escape(table.title)}</h2>{note}{drawn}"


def _cell(text: str, left: bool) -> str:
    kind = "good" if text in ("exact", "enclosed") else "bad" if "WRONG" in text else ""
    return f"<td{_side(left, kind)}>{escape(text)}</td>"


def _side(left: bool, kind: str = "") -> str:
    """The classes of a cell: columns of words stand left, numbers right."""
    classes = " ".join(filter(None, ("words" if left else "", kind)))
    return f' class="{classes}"' if classes else ""


def _again(study: Study) -> str:
    versions = ", ".join(f"{escape(name)} {escape(number)}" for name, number in study["versions"].items())
    models = "".join(
        f"<li>{escape(model['name'])}: <code>{escape(model['file'])}</code>, SHA-256 of the parameters "
        f"<code>{model['sha256']}</code></li>"
        for model in study["models"]
    )
    seeds = ", ".join(map(str, study["seeds"]))
    return (
        f"<h2>To repeat it</h2><p>The whole study:</p><pre><code>{escape(study['command'])}</code></pre>"
        f"<p>One extraction, with more patience than a cell of the study has:</p><pre><code>{_one(study)}</code></pre>"
        f"<p>Seeds: {seeds}. {_limits(study['limits'])} Everything but seconds comes out the same, with any number of "
        f'processes.</p><ul>{models}</ul><p class="muted">{versions}</p>'
    )


def _one(study: Study) -> str:
    file = quote(study["models"][0]["file"])
    precision = f"bits:{study['bits'][-1]}" if study["bits"] else study["formats"][-1]
    asked = f"--signatures match --oracle-precision {precision} --seed {study['seeds'][0]}"
    return escape(f"precise extract {file} -o copy.json {asked}")


def _limits(limits: dict[str, Any]) -> str:
    return (
        f"A cell ends at {limits['match_queries']:,} queries of matching ({limits['match_lines']} lines a layer, "
        f"{limits['match_idle']} without a new neuron) or {limits['walk_queries']:,} of the walk."
    )
