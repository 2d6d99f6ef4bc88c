"""Settings of the site: `make docs`."""

import re
from importlib.metadata import version as version_of

project = "precise-verify"
release = version = version_of("precise-verify")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Exact extraction of ReLU networks, and proof of equality", "page_width": "64rem"}


def _without_links_outside(_app, _name, source):
    """Files beside docs/ are no pages of the site: their links become their names."""
    source[0] = re.sub(r"\[([^\]]*)\]\((?:\.\./)+(?!how-to/)([^)\s]+)\)", r"\1 (`\2`)", source[0])


def _plain_docstrings(_app, _what, _name, _object, _options, lines):
    """Docstrings are prose with `Args:` lists, not reStructuredText: they are shown as they are written."""
    if lines:
        lines[:] = ["::", "", *("    " + line for line in lines), ""]


def setup(app):
    """Connect the two hooks."""
    app.connect("source-read", _without_links_outside)
    app.connect("autodoc-process-docstring", _plain_docstrings)
