"""Sphinx: how the site is read and how it looks. Nothing is loaded from elsewhere, neither here nor by a reader."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import toolkit

project = "tls-toolkit"
author = "the tls-toolkit authors"
project_copyright = author
version = release = toolkit.__version__

extensions = ["myst_nb", "notebooks.book.mathml"]
exclude_patterns = ["README.md"]
suppress_warnings: list[str] = []
language = "en"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True
nb_ipywidgets_js: dict[str, object] = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
python_maximum_signature_line_length = 88
add_module_names = False
highlight_language = "text"

html_theme = "pydata_sphinx_theme"
html_title = "tls-toolkit"
html_math_renderer = "mathml"
html_static_path = [str(Path(__file__).resolve().parent / "look")]
html_css_files = ["book.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "tls-toolkit"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": {
        section: ["page-toc"] for section in ("index", "lessons", "data/*", "explanation/*", "how-to/*", "lessons/*")
    },
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars: dict[str, list[str]] = {"index": [], "gallery/index": []}
