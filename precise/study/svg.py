"""Figures as PNG and SVG files, and as SVG within a page, where text and axes take the page's colour."""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

INK = "#010203"  # of text and axes; on a page it becomes the page's own colour
DOTS_AN_INCH = 160


def png(figure: Any) -> bytes:
    """A PNG on white; the figure's parts keep the places that they get here."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DOTS_AN_INCH, facecolor="white")
    figure.set_layout_engine("none")
    return data.getvalue()


def svg(figure: Any) -> bytes:
    """An SVG without a background whose text is text; the same bytes for the same figure."""
    import matplotlib

    data = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "precise"}):
        figure.savefig(data, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return data.getvalue()


def inline(drawn: bytes, name: str, alternative: str) -> str:
    """An SVG for a page: names of its own, text and axes in the page's colour, an alternative text."""
    text = drawn.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = text.replace(INK, "currentColor")
    label = escape(alternative, quote=True)
    return re.sub(r"<svg\b", f'<svg role="img" aria-label="{label}"', text, count=1)
