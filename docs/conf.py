"""Configuration of the documentation: ``sphinx-build -W -b html docs docs/_build``."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import offline_links  # noqa: E402

import lasport  # noqa: E402

project = "lasport"
author = "The lasport developers"
release = version = lasport.__version__

myst_heading_anchors = 3
extensions = [
    "myst_parser",
    "offline_links",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]

# Links to names of others need no network, and those that a role asks for must be there.
intersphinx_mapping = offline_links.mapping(HERE / "_build" / "inventories")
nitpicky = True
nitpick_ignore_regex = [
    ("py:class", r"keras\.Variable"),  # has no page
    ("py:obj", ".*"),  # what offline_links tries
    ("py:.*", rf"(?!({'|'.join(offline_links.ROOTS)})\.).*"),
]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autosummary_generate = False
napoleon_google_docstring = False
napoleon_use_rtype = False

html_static_path = ["_static"]  # custom.css is alabaster's for users
html_theme = "alabaster"
html_theme_options = {
    "description": "Lasagne networks for Keras 3, with evidence",
    "fixed_sidebar": True,
    "page_width": "76rem",
    "code_font_size": "0.8em",
}
