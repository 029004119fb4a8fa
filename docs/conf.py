"""How the documentation is built: `python3 dev.py docs`, or `sphinx-build -c docs . build/docs`.

The source is the whole repository, so that relative links lead to the same files as they do where the pages are read
without being built.
"""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "AWS Advanced Python Driver"
author = "its contributors"
release = version = version_of("aws-advanced-python-driver")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib.mermaid"]
root_doc = "docs/index"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/**"]
exclude_patterns = [".*", "benchmarks", "build", "examples", "src", "tests"]

myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

# Docstrings name code in single backticks, as the pages do.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
# In signatures: types of the inside, which have no page, and those of other libraries, whose pages are elsewhere.
nitpick_ignore_regex = [("py:class", r"\w+|(pathlib|psycopg|aws_advanced_python_wrapper\.(core|local\.proxy))\..*")]

html_theme = "furo"
html_title = project
html_extra_path = ["home"]
html_copy_source = False
