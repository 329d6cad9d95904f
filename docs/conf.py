"""Sphinx configuration."""

import importlib.metadata

project = "numbaconc"
author = copyright = "the numbaconc developers"
release = importlib.metadata.version("numbaconc")
extensions = ["sphinx.ext.autodoc", "sphinx.ext.intersphinx", "numpydoc", "myst_parser"]
autodoc_typehints = "none"
numpydoc_show_class_members = False
myst_heading_anchors = 2
exclude_patterns = ["_build"]
html_theme = "alabaster"
suppress_warnings = ["myst.xref_missing"]  # the README links to files of the repository
