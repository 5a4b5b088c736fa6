"""Settings of the documentation site.

Knows how Sphinx reads docs/ and how the pages look. Nothing here loads anything from outside: no
fonts, no scripts, no inventories of other projects.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "generated"), str(ROOT / "docs" / "_ext")]

from kataven import __version__  # noqa: E402 - after sys.path

project = "kataven"
author = "the kataven developers"
# The same sources give the same bytes: no date, no user, no machine.
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "public_names",
    "root_pages",
    "assumptions",
    "captions",
    "search_words",
]
exclude_patterns = ["_ext", "_static"]
source_suffix = {".md": "markdown"}
default_role = "code"
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
# Headings get the anchors that GitHub gives them, so that links work in both places.
myst_heading_anchors = 4
# A block of the shell or of output needs no lexer.
highlight_language = "python"
suppress_warnings = ["misc.highlighting_failure"]

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_display_short_literal_types = True
python_maximum_signature_line_length = 88
add_module_names = False

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = "kataven"
html_static_path = ["_static"]
html_css_files = ["kataven.css"]
html_favicon = "_static/mark.svg"
html_theme_options = {
    "light_logo": "wordmark-light.svg",
    "dark_logo": "wordmark-dark.svg",
    "sidebar_hide_name": True,
    "footer_icons": [],
    "light_css_variables": {
        "color-brand-primary": "#0f766e",
        "color-brand-content": "#0f766e",
        "color-brand-visited": "#0f766e",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5eead4",
        "color-brand-content": "#5eead4",
        "color-brand-visited": "#5eead4",
    },
}
html_search_scorer = str(ROOT / "docs" / "_ext" / "scorer.js")
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None
