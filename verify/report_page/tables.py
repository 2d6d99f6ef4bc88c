"""The report as tables for papers: Markdown and LaTeX (package booktabs), from the same contents as the page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from verify.report_page.contents import Contents
from verify.report_page.drawings import LEGEND, kind_of

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]  # caption, heads, rows

_LATEX = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def markdown(contents: Contents) -> str:
    """The tables in Markdown, one after the other."""
    return "\n".join(_markdown(*table) for table in _tables(contents))


def latex(contents: Contents) -> str:
    r"""The tables in LaTeX, each a table environment that wants \usepackage{booktabs}."""
    return "\n".join(_latex(*table) for table in _tables(contents))


def _tables(contents: Contents) -> list[Table]:
    networks = [
        (
            name,
            network["file"],
            "-".join(map(str, network["widths"])),
            f"{network['parameters']:,}",
            network["sha256"][:16],
        )
        for name, network in zip("fg", contents["networks"], strict=True)
    ]
    verdicts = [
        (
            verdict["claim"],
            verdict["domain"],
            verdict["verdict"],
            "" if verdict["certificate"] is None else verdict["certificate"]["seal"][:16],
            f"{verdict['seconds']:.2f}",
        )
        for verdict in contents["verdicts"]
    ]
    tables: list[Table] = [
        ("Networks compared", ("", "File", "Widths", "Parameters", "SHA-256"), networks),
        ("Verdicts", ("Claim", "Domain", "Verdict", "Certificate", "Seconds"), verdicts),
    ]
    if contents["errors"]["layers"]:
        tables.append(("Neurons by agreement with their counterpart", ("Layer", *LEGEND.values()), _errors(contents)))
    return tables


def _errors(contents: Contents) -> list[list[str]]:
    rows = []
    for layer in contents["errors"]["layers"]:
        kinds = [kind_of(neuron) for neuron in layer["neurons"]]
        name = "outputs" if layer["output"] else str(layer["layer"])
        rows.append([name, *(str(kinds.count(kind)) for kind in LEGEND)])
    return rows


def _markdown(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    table = "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
    return f"**{caption}**\n\n{table}\n"


def _cell(text: str) -> str:
    return re.sub(r"([\\|*_`<\[])", r"\\\1", text)


def _latex(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" & ".join(map(_escaped, row)) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escaped(caption)}}}",
            rf"\begin{{tabular}}{{{'l' * len(heads)}}}",
            r"\toprule",
            " & ".join(map(_escaped, heads)) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
