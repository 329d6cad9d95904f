"""Sphinx configuration: the pages, the pictures of gallery/ and the notebooks are made by `sphinx-build -q -W docs OUT`.

Nothing is fetched when a page is read: equations are MathML, which browsers draw by themselves, and the theme has its
fonts and scripts with it.
"""

import importlib.metadata
import os
import tempfile

from docutils.nodes import Element, SkipNode, Text, document
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "numbaconc"
author = copyright = "the numbaconc developers"
release = version = importlib.metadata.version("numbaconc")
extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "examples/*.py", "examples/*.json", "examples/*.ipynb", "examples/*.zip"]

autodoc_typehints = "none"
numpydoc_show_class_members = False
highlight_language = "none"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_merge_streams = True
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": "plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "capture_repr": (),
    "image_srcset": ["2x"],
    "min_reported_time": 3600,
    "write_computation_times": False,
    "remove_config_comments": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "numbaconc"
html_static_path = ["_static"]
html_css_files = ["numbaconc.css"]
html_sidebars = {"index": [], "start": [], "api": []}  # which have no pages below them
html_show_sourcelink = False
html_use_index = html_domain_indices = False  # there is a search
html_copy_source = False
html_context = {"default_mode": "auto"}
html_math_renderer = "mathml"
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "secondary_sidebar_items": {"**": ["page-toc"], "results/bounds": []},  # whose tables need the room
    "footer_start": ["copyright"],
    "footer_end": [],
}

# Examples and notebooks write their files and keep their radii where no page is made of them.
os.environ.setdefault("NUMBACONC_CACHE_DIR", tempfile.mkdtemp(prefix="numbaconc-docs-"))


def _inline(self: HTML5Translator, node: Element) -> None:
    self.body.append(convert(node.astext()))
    raise SkipNode


def _block(self: HTML5Translator, node: Element) -> None:
    equation = convert(node.astext(), display="block")
    self.body.append(f"{self.starttag(node, 'div', CLASS='equation')}{equation}</div>\n")
    raise SkipNode


def _keep_deviations(_: Sphinx, doctree: document) -> None:
    for text in list(doctree.findall(Text)):
        if " ± " in text:
            text.parent.replace(text, Text(text.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")))


def setup(app: Sphinx) -> None:
    """Draw equations as MathML, and keep numbers and their deviations on one line."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("doctree-read", _keep_deviations)
