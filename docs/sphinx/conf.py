"""The documentation site: Markdown of the repository, notebooks that run while it is built, and pages that the package writes of itself.

The root of the sources is that of the repository, so that one link works on the site and where the files are read as they lie.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
ROOT = Path(__file__).parents[2]

from graphtwin import __version__  # noqa: E402

project = "graphtwin"
author = "the authors of graphtwin"
copyright = "the authors of graphtwin; MIT licence"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "written_by_the_package"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "data/README.md",
    "data/*/README.md",
    "analyses/README.md",
    "analyses/*/README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
exclude_patterns = [".*", "runs", "site", "graphtwin", "tests", "findings", "build", "dist", "**/node_modules"]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 4
suppress_warnings = ["ref.python"]  # a type named in a signature may stand in two rooms

nb_execution_mode = "force"  # a page whose claim is no longer true must not come out of a cache
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "remove"  # progress
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False  # shapes as types of attributes are read as markup

html_theme = "furo"
html_title = f"graphtwin {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses for files on disk
html_theme_options = {"navigation_with_keys": True}
html_baseurl = ""
