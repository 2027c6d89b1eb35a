# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx's configuration for these pages: make docs."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent


def version_of_the_project() -> str:
    """The version in dkms.conf, which is where all parts have it from."""
    text = (HERE.parent / 'mtty-mig' / 'dkms.conf').read_text(encoding='utf-8')
    found = re.search(r'^PACKAGE_VERSION="?([^"\n]+)"?$', text, re.M)
    if not found:
        raise SystemExit('conf.py: mtty-mig/dkms.conf has no PACKAGE_VERSION')
    return found.group(1)


project = 'mtty-mig'    # pylint: disable=invalid-name
version = release = version_of_the_project()
extensions = ['sphinx.ext.graphviz']
# The manual pages are troff
exclude_patterns = ['man']
# Most examples are output or a shell's lines with output; few are C.
highlight_language = 'none'    # pylint: disable=invalid-name
# Quotes and dashes stay as they are written: people copy options from the pages.
smartquotes = False

# SVG has text that can be searched, and is sharp at any size.
graphviz_output_format = 'svg'    # pylint: disable=invalid-name

html_theme = 'alabaster'    # pylint: disable=invalid-name
html_static_path = ['_static']
html_css_files = ['pages.css']
html_show_copyright = False
html_copy_source = False
html_theme_options = {
    'description': 'VFIO migration: a reference device, its tests, a lab',
    'fixed_sidebar': True,
    # The width of the tables, which are made for 80 columns
    'page_width': '1180px',
    'sidebar_width': '270px',
    'show_powered_by': False,
    'font_family': 'system-ui, sans-serif',
    'head_font_family': 'system-ui, sans-serif',
    'font_size': '15px',
}
html_sidebars = {'**': ['about.html', 'navigation.html', 'searchbox.html']}
