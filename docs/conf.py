"""Configuration of the documentation: ``sphinx-build -W -b html docs docs/_build``."""

import lasport

project = "lasport"
author = "The lasport developers"
release = version = lasport.__version__

myst_heading_anchors = 2
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
# The layers are documented where Keras is not installed, too.
autodoc_mock_imports = ["keras"]
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "alabaster"
html_theme_options = {
    "description": "Lasagne networks for Keras 3, with evidence",
    "fixed_sidebar": True,
    "page_width": "64rem",
}
