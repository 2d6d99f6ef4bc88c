"""The diagnosis as one HTML page: a card a fault, the agreement by layer, and how hard each sign is to tell."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from precise.arithmetic import rational
from precise.web_page import wide
from verify.diagnosis.contents import Contents
from verify.linear_region.symbolic import about
from verify.report_page.drawings import LEGEND, PALETTE, kind_of
from verify.report_page.page import document, error_map_shown, witness_shown

SHOWN_BORDERS = 4  # half-spaces of a region; the JSON report has all
MOST_WITNESSES = 12  # inputs that are drawn; further ones are in the JSON report
BAR, LABEL, WIDTH, LINE = 22, 76, 320, 30  # of the agreement plot, in pixels


def diagnosis_page(contents: Contents) -> str:
    """The page; every text from a file is escaped, and nothing is loaded from anywhere."""
    sections = (_outcome, _faults, _alternatives, _agreement, _signs, _networks)
    return document("Diagnosis of a recovered network", "".join(section(contents) for section in sections))


def agreement_bars(layers: Sequence[dict[str, Any]]) -> str:
    """The share of every layer's neurons by agreement with their counterparts, as SVG: a bar a layer."""
    lines = []
    for number, layer in enumerate(layers):
        y, x = number * LINE, float(LABEL)
        name = "outputs" if layer["output"] else f"layer {layer['layer']}"
        lines.append(f'<text x="0" y="{y + 16}" font-size="13" fill="currentColor">{name}</text>')
        for kind, count in counts(layer).items():
            fill, ink = PALETTE[kind]
            size = WIDTH * count / max(1, len(layer["neurons"]))
            lines.append(
                f'<g><title>{name}: {count} {LEGEND[kind]}</title><rect x="{x:.2f}" y="{y}" width="{size:.2f}" '
                f'height="{BAR}" fill="{fill}"/>'
            )
            if size >= 9 * len(str(count)):
                lines.append(
                    f'<text x="{x + size / 2:.2f}" y="{y + 16}" text-anchor="middle" font-size="12" '
                    f'fill="{ink}">{count}</text>'
                )
            lines.append("</g>")
            x += size
    text = "; ".join(
        f"{'outputs' if layer['output'] else 'layer ' + str(layer['layer'])}: "
        + ", ".join(f"{count} {LEGEND[kind]}" for kind, count in counts(layer).items())
        for layer in layers
    )
    height = max(LINE, LINE * len(layers))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LABEL + WIDTH} {height}" width="{LABEL + WIDTH}" '
        f'role="img" aria-label="Agreement by layer. {escape(text, quote=True)}">{"".join(lines)}</svg>'
    )


def counts(layer: dict[str, Any]) -> dict[str, int]:
    """How many neurons of a layer are of each kind of agreement that occurs."""
    kinds = [kind_of(neuron) for neuron in layer["neurons"]]
    return {kind: kinds.count(kind) for kind in PALETTE if kind in kinds}


def _outcome(contents: Contents) -> str:
    proved = contents["explained"] and not contents["faults"]
    kind = "equal" if proved else "different" if contents["faults"] else "unknown"
    word = "no fault" if proved else _number(len(contents["faults"]), "fault") if contents["faults"] else "unknown"
    repair = contents["repair"]
    written = (
        f"<p>Repaired network in <code>{escape(str(repair['file']))}</code>: {escape(str(repair['verdict']))}; "
        f"{escape(str(repair['reason']))}.</p>"
        if repair
        else ""
    )
    return f'<article class="{kind}"><h2>{word}</h2><p>{escape(contents["outcome"])}</p>{written}</article>'


def _faults(contents: Contents) -> str:
    if not contents["faults"]:
        return ""
    cards = "".join(_card(number, fault) for number, fault in enumerate(contents["faults"]))
    return f"<h2>What is wrong</h2>{cards}"


def _card(number: int, fault: dict[str, Any]) -> str:
    parts = [
        f"<h3>{escape(place(fault))}: {escape(fault['kind'])}</h3>",
        f"<p class=muted>{escape(fault['certainty'])}</p><p>{escape(fault['evidence'])}</p>",
    ]
    if fault["entries"]:
        parts.append(_entries(fault["entries"]))
    if fault["witness"] is not None and number < MOST_WITNESSES:
        parts.append(witness_shown(fault["witness"], "f(x) = g(x)"))
    if fault.get("formulas"):
        found = fault["formulas"]
        parts.append(
            f"<details><summary>Hyperplane and region around this input</summary><p>{escape(found['network'])} "
            f"network, neuron {found['neuron']}: <code>{escape(found['hyperplane'])}</code></p>"
            + "".join(f"<p><code>{escape(one)}</code></p>" for one in found["region"][:SHOWN_BORDERS])
            + "</details>"
        )
    return f'<article class="different">{"".join(parts)}</article>'


def _entries(entries: Sequence[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{'bias' if not entry['index'] else 'weight ' + str(entry['index'])}</th>"
        f"<td>{about(rational(entry['found']))}</td>"
        f"<td>{'not known' if entry['right'] is None else about(rational(entry['right']))}</td></tr>"
        for entry in entries
    )
    head = "<tr><th scope=col>entry</th><th scope=col>found</th><th scope=col>right</th></tr>"
    table = wide("Wrong entries", f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")
    if len(entries) <= 8:
        return table
    return f"<details><summary>{_number(len(entries), 'wrong entry', 'wrong entries')}</summary>{table}</details>"


def _alternatives(contents: Contents) -> str:
    if not contents["alternatives"]:
        return ""
    fits = "agrees with the oracle, too" if contents["oracle"] else "is proved equal, too, with as many changes"
    items = "".join(
        "<li>" + "; ".join(f"{escape(place(fault))}: {escape(fault['kind'])}" for fault in other) + "</li>"
        for other in contents["alternatives"]
    )
    return (
        f"<h2>Explanations that fit as well</h2><p>Mending these instead gives a network that {fits}.</p>"
        f"<ul>{items}</ul>"
    )


def _agreement(contents: Contents) -> str:
    if not contents["layers"]:
        return ""
    with_what = "Compared with what explains the oracle's answers. " if contents["oracle"] else ""
    return (
        f"<h2>Agreement by layer</h2><p>{with_what}Every row on its own scale, its inputs in the order in which the "
        f"layer reads them: a layer behind a wrong one is not blamed for it.</p>{agreement_bars(contents['layers'])}"
        f"<h2>Neuron by neuron</h2>{error_map_shown({'layers': contents['layers']})}"
    )


def _signs(contents: Contents) -> str:
    signs = contents["signs"]
    if not signs:
        return ""
    heads = ("layer", "neuron", "recovered", "sign", "by votes", "votes", "confidence", "distance")
    rows = "".join(
        f"<tr><td>{one['layer']}</td><td>{one['neuron']}</td><td>{one['recovered_neuron'] or '-'}</td>"
        f"<td>{'<b>' + escape(one['recovered_sign']) + '</b>' if one['recovered_sign'] != 'right' else 'right'}</td>"
        f"<td>{'easy' if one['easy'] else 'hard'}</td><td>{one['votes_right']} : {one['votes_wrong']}</td>"
        f"<td>{one['confidence']:.2f}</td><td>{one['distance']:.2f}</td></tr>"
        for one in signs
    )
    head = "".join(f"<th scope=col>{name}</th>" for name in heads)
    easy = sum(one["easy"] for one in signs)
    table = wide("Signs", f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    return (
        f"<h2>How hard the signs are</h2><p>{easy} easy and {len(signs) - easy} hard of the original's neurons, by the "
        "neuron wiggle's votes for and against the true sign. Distance 0: the neuron can be moved alone; towards 1 the "
        "others move more. The column <i>sign</i> is exact.</p>"
        f"<details><summary>All {len(signs)} neurons</summary>{table}</details>"
    )


def _networks(contents: Contents) -> str:
    names = ("original", "recovered")[-len(contents["networks"]) :]
    rows = "".join(
        f"<tr><th scope=row>{name}</th><td>{escape(network['file'])}</td>"
        f"<td class=short>{'-'.join(map(str, network['widths']))}</td><td class=hash>{network['sha256']}</td></tr>"
        for name, network in zip(names, contents["networks"], strict=True)
    )
    head = "".join(f"<th scope=col>{name}</th>" for name in ("", "file", "widths", "SHA-256 of the parameters"))
    first = f"what the oracle {escape(contents['oracle'])} answers" if contents["oracle"] else "the original"
    asked = f"{contents['queries']:,} queries, " if contents["oracle"] else ""
    made = ", ".join(f"{escape(name)} {escape(number)}" for name, number in contents["versions"].items())
    table = wide("Networks", f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    return (
        f"<h2>Networks</h2><p>In the tables f is {first} and g the recovered network.</p>{table}"
        f"<p class=muted>{asked}{contents['seconds']:.2f} s, seed {contents['seed']}; made with {made}</p>"
    )


def place(fault: dict[str, Any]) -> str:
    """Where a fault is, in words."""
    neurons = fault["neurons"]
    if not neurons:
        return f"layer {fault['layer']}"
    one = "output" if fault["kind"] == "wrong output layer" else "neuron"
    return f"layer {fault['layer']}, {one}{'s' * (len(neurons) > 1)} {', '.join(map(str, neurons))}"


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
