# SPDX-License-Identifier: GPL-2.0-only
"""Which verbs there are.

A verb is a file in verbs/, loaded only when somebody asks for it, because the lab has
to start fast.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from lab.config import Verb

# In the order of the help and of the tables
NAMES = (
    'run check quick check-all kunit selftests mutants conformance drivers standin vfio-selftests '
    'fuzz stress soak bench coverage shell modules install uninstall load unload deb debcheck '
    'newcomer series series-check portability interop update lint lint-quick selfcheck rules '
    'docs clean distclean '
).split()


def module_of(name: str) -> ModuleType:
    """The file of one verb of NAMES."""
    return importlib.import_module(f'lab.verbs.{name.replace("-", "_")}')


def find(name: str) -> Verb:
    """One verb of NAMES."""
    verb: Verb = module_of(name).VERB
    return verb


def every() -> list[Verb]:
    """All of them."""
    return [find(name) for name in NAMES]


def takes(verb: Verb) -> list[str]:
    """The variables that it takes."""
    return [*verb.variables.split(), *(['RESULTS'] if verb.results else []), *verb.kbuild]
