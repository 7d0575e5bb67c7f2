"""How is the documentation site built? `make docs`; pages are Markdown, the style is furo."""

import importlib.metadata

project = "dispersa"
author = "The dispersa authors"
release = importlib.metadata.version("dispersa")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = "dispersa"
html_static_path = ["pictures"]
html_css_files = ["print.css"]
html_show_copyright = False

# The site must build without a network; addresses of the outside are checked with `make links`.
linkcheck_timeout = 20
linkcheck_ignore = [r"http://127\.0\.0\.1", r"https://desk\.example\.org"]  # examples, not places
