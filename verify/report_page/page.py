"""The report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from shlex import quote
from typing import Any

from precise.arithmetic import rational
from precise.web_page import web_page, wide
from verify.linear_region.symbolic import about
from verify.report_page.contents import Contents
from verify.report_page.drawings import LEGEND, MARKS, PALETTE, heat_map, picture, picture_side

# name -> (in light, in dark): the words of the verdicts
COLOURS = {
    "proved": ("#0b6b45", "#5fd3a0"),
    "different": ("#a31d16", "#ff9c94"),
    "unknown": ("#7a4d00", "#f0bd63"),
}
STYLE = """
h3 { font-size: 1rem; margin-bottom: .3rem }
article { background: var(--card); border: 1px solid var(--line); border-left-width: 6px; border-radius: 6px;
  padding: .3rem 1rem; margin: 1rem 0 }
article h3 { font-size: 1.1rem }
.equal, .equivalent { border-left-color: var(--proved) }
.equal h3, .equivalent h3 { color: var(--proved) }
.different { border-left-color: var(--different) }
.different h3 { color: var(--different) }
.unknown { border-left-color: var(--unknown) }
.unknown h3 { color: var(--unknown) }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top }
svg { display: block; max-width: 100%; height: auto }
table .hash { min-width: 22rem }
figure { margin: 0 0 1rem }
.picture { border: 1px solid var(--line) }
details { margin-top: 1rem }
.short { white-space: nowrap }
ul.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1rem }
ul.legend b { display: inline-block; min-width: 1.7em; text-align: center; border-radius: 3px; margin-right: .4em }
"""


def html_page(contents: Contents) -> str:
    """The page; every text from a file is escaped."""
    return document("Comparison of two networks", "".join(section(contents) for section in SECTIONS))


def document(title: str, body: str) -> str:
    """A whole page in the style of the verifier's reports."""
    return web_page(title, body, STYLE, COLOURS)


def _networks(contents: Contents) -> str:
    rows = "".join(
        f"<tr><th scope=row>{name}</th><td>{escape(network['file'])}</td>"
        f"<td class=short>{'-'.join(map(str, network['widths']))}</td>"
        f"<td>{network['parameters']:,}</td><td class=hash>{network['sha256']}</td></tr>"
        for name, network in zip("fg", contents["networks"], strict=True)
    )
    head = "".join(
        f"<th scope=col>{name}</th>" for name in ("", "file", "widths", "parameters", "SHA-256 of the parameters")
    )
    return f"<h2>Networks</h2>{wide('Networks', f'<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>')}"


def _verdicts(contents: Contents) -> str:
    return "<h2>Verdicts</h2>" + "".join(_verdict(verdict, contents) for verdict in contents["verdicts"])


def _verdict(verdict: dict[str, Any], contents: Contents) -> str:
    parts = [
        f"<h3>{verdict['verdict']}</h3><p><b>{escape(verdict['claim'])}</b> on {escape(verdict['domain'])}</p>",
        f"<p>{escape(verdict['reason'])}</p>",
    ]
    certificate = verdict["certificate"]
    if certificate is not None:
        parts.append(
            f"<p>Certificate, SHA-256 <span class=hash>{certificate['seal']}</span>{_check(certificate, contents)}</p>"
        )
    if verdict["witness"] is not None:
        parts.append(witness_shown(verdict["witness"], verdict["claim"]))
    parts.append(f"<p class=muted>{verdict['seconds']:.2f} s</p>")
    return f'<article class="{verdict["verdict"]}">{"".join(parts)}</article>'


def _check(certificate: dict[str, Any], contents: Contents) -> str:
    if certificate["file"] is None:
        return ""
    files = (certificate["file"], *(network["file"] for network in contents["networks"]))
    return f", checked again by <code>verify check {escape(' '.join(map(quote, files)))}</code>"


def witness_shown(witness: dict[str, Any], claim: str) -> str:
    """An input as a picture where it can be one, the outputs there, and its coordinates."""
    point = [rational(value) for value in witness["point"]]
    drawn = picture(point, f"The input that refutes {claim}") if picture_side(len(point)) else ""
    rows = "".join(
        f"<tr><th scope=row>{n}</th><td>{about(rational(a))}</td><td>{about(rational(b))}</td>"
        f"<td>{about(rational(b) - rational(a))}</td></tr>"
        for n, (a, b) in enumerate(zip(witness["first"], witness["second"], strict=True), 1)
    )
    head = "".join(f"<th scope=col>{name}</th>" for name in ("output", "f", "g", "g - f"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    exact = escape(
        ", ".join(f"x{n} = {value}" for n, value in enumerate(witness["point"], 1) if value != "0") or "all 0"
    )
    return (
        f"<p>At this input, checked in exact arithmetic:</p>{drawn}{wide('Outputs at the input', table)}"
        f"<details><summary>The input exactly (coordinates that are not 0)</summary><code>{exact}</code></details>"
    )


def error_map_shown(errors: dict[str, Any]) -> str:
    """The heat map of every layer of an error map, with its legend."""
    legend = "".join(
        f'<li><b style="background:{PALETTE[kind][0]};color:{PALETTE[kind][1]}">{MARKS.get(kind, "n")}</b>{words}</li>'
        for kind, words in LEGEND.items()
    )
    layers = "".join(
        f"<h3>{'Outputs' if layer['output'] else 'Layer ' + str(layer['layer'])}</h3>{heat_map(layer)}"
        for layer in errors["layers"]
    )
    return f"<ul class=legend>{legend}</ul>{layers}"


def _errors(contents: Contents) -> str:
    errors = contents["errors"]
    if errors["reason"]:
        return f"<h2>Errors by layer and neuron</h2><p>{escape(errors['reason'])}</p>"
    return (
        "<h2>Errors by layer and neuron</h2><p>Neurons in f's order, each compared with its counterpart in g; a number "
        f"is the bits to which the rows agree. This explains and proves nothing.</p>{error_map_shown(errors)}"
    )


def _versions(contents: Contents) -> str:
    text = ", ".join(f"{escape(name)} {escape(number)}" for name, number in contents["versions"].items())
    return f"<h2>Made with</h2><p class=muted>{text}</p>"


# A part of the contents is shown by a function here, in this order.
SECTIONS: tuple[Callable[[Contents], str], ...] = (_verdicts, _networks, _errors, _versions)
