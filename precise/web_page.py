"""A page of HTML that needs nothing else: no script, no font, no network; light or dark as the reader's machine is."""

from __future__ import annotations

from collections.abc import Mapping

Colours = Mapping[str, tuple[str, str]]  # name -> (in light, in dark)

COLOURS: Colours = {
    "text": ("#1a1c1e", "#e6e7e9"),
    "muted": ("#54585e", "#a9aeb5"),
    "ground": ("#ffffff", "#16181b"),
    "card": ("#f4f5f7", "#202327"),
    "line": ("#c9ccd1", "#43474d"),
    "good": ("#0b6b45", "#5fd3a0"),
    "bad": ("#a31d16", "#ff9c94"),
}
STYLE = """
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 64rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.6rem; line-height: 1.2 }
h2 { font-size: 1.2rem; margin: 2rem 0 .4rem }
code, .hash { font-family: ui-monospace, monospace; font-size: .85em; overflow-wrap: anywhere }
.muted, figcaption { color: var(--muted) }
.wide { overflow-x: auto }
.wide:focus-visible, summary:focus-visible { outline: 2px solid var(--good); outline-offset: 2px }
table { border-collapse: collapse }
"""


def web_page(title: str, body: str, style: str = "", colours: Colours | None = None) -> str:
    """The whole page.

    Args:
        title: plain words, without markup.
        body: HTML; every text from elsewhere is escaped already.
        style: CSS beyond the common one, which names a colour as var(--name).
        colours: further ones.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<style>{_variables({**COLOURS, **(colours or {})})}{STYLE}{style}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>\n"
    )


def _variables(colours: Colours) -> str:
    light, dark = (";".join(f"--{name}:{pair[n]}" for name, pair in colours.items()) for n in (0, 1))
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def wide(name: str, content: str) -> str:
    """What scrolls on its own on a narrow screen, by keyboard too."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{name}">{content}</div>'
