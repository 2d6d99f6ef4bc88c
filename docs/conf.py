"""Settings of the site: `make docs`."""

import re
from importlib.metadata import version as version_of
from importlib.util import find_spec

from docutils.nodes import SkipNode

project = "precise-verify"
release = version = version_of("precise-verify")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
if find_spec("latex2mathml"):  # formulas that browsers show without a network
    html_math_renderer = "mathml"
else:
    extensions.append("sphinx.ext.mathjax")
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
exclude_patterns = ["_build"]
toc_object_entries = False
html_theme = "alabaster"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {"description": "Exact extraction of ReLU networks, and proof of equality", "page_width": "64rem"}


def _without_links_outside(_app, _name, source):
    """Files beside docs/ are no pages of the site: their links become their names."""
    source[0] = re.sub(r"\[([^\]]*)\]\((?:\.\./)+(?!how-to/)([^)\s]+)\)", r"\1 (`\2`)", source[0])


def _plain_docstrings(_app, _what, _name, _object, _options, lines):
    """Docstrings are prose with `Args:` lists and `code`, not reStructuredText: nothing else in them is markup."""
    text = "\n".join(lines).split("`")
    prose = [re.sub(r"[\\*|]|_(?!\w)", r"\\\g<0>", part) for part in text[::2]]
    code = [f"``{part}``" for part in text[1::2]]
    lines[:] = "".join(part for pair in zip(prose, [*code, ""]) for part in pair).split("\n")


def _inline(translator, node):
    _mathml(translator, node, "inline")


def _block(translator, node):
    _mathml(translator, node, "block")


def _mathml(translator, node, display):
    from latex2mathml.converter import convert

    translator.body.append(convert(node.astext(), display=display))
    raise SkipNode


def setup(app):
    """Connect the hooks."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("source-read", _without_links_outside)
    app.connect("autodoc-process-docstring", _plain_docstrings, priority=100)  # before napoleon
