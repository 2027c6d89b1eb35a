#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Render reStructuredText, and tell what is wrong with it.

    documents.py FILE...

By docutils, without Sphinx: of its roles only :doc: is used, whose target has to be
a file beside the one that names it.  A warning is an error.
"""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Any

from docutils import nodes
from docutils.core import publish_string
from docutils.parsers.rst import roles

LINK = re.compile(r'(?:.*<)?(?P<target>[^<>]+?)>?', re.S)
# Of docutils' levels: it goes on after anything, and tells from warnings on.
WARNING, NEVER = 2, 5


def doc(_name: str, rawtext: str, text: str, lineno: int, inliner: Any,
        _options: Any = None, _content: Any = None) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """The role :doc:`NAME` or :doc:`words <NAME>`: another document."""
    found = LINK.fullmatch(text)
    target = found.group('target') if found else text
    here = os.path.dirname(inliner.document.current_source or '')
    if not os.path.exists(os.path.join(here, target + '.rst')):
        message = inliner.reporter.error(f'there is no document {target}', line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [nodes.reference(rawtext, text, refuri=target + '.html')], []


def render(path: str) -> str:
    """What docutils says of a file; nothing if it is well-formed."""
    roles.register_local_role('doc', doc)
    with open(path, encoding='utf-8') as file:
        text = file.read()
    said = io.StringIO()
    publish_string(text, source_path=path, writer_name='html', settings_overrides={
        'warning_stream': said, 'report_level': WARNING, 'halt_level': NEVER,
        'syntax_highlight': 'none', 'file_insertion_enabled': False, 'embed_stylesheet': False})
    return said.getvalue()


def main() -> int:
    said = ''.join(map(render, sys.argv[1:]))
    sys.stdout.write(said)
    return 1 if said else 0


if __name__ == '__main__':
    sys.exit(main())
