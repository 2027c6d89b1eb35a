# SPDX-License-Identifier: GPL-2.0-only
"""Exit statuses of the lab, and how a program of it comes to one."""

from __future__ import annotations

import sys
import traceback
from typing import Callable, NoReturn

FAILED = 1      # what was looked at is wrong, as a test that failed
REFUSED = 2     # the call makes no sense
BROKEN = 3      # the lab could not do its work


def unexpected() -> int:
    """Tell of the exception that is being handled: it is the lab's fault, no test's."""
    traceback.print_exc()
    print('lab: error: that was not expected', file=sys.stderr)
    return BROKEN


def end_with(main: Callable[[], int]) -> NoReturn:
    """The exit status is main's, unless it has none."""
    try:
        status = main()
    except KeyboardInterrupt:
        # Who was interrupted with us has cleaned up.
        status = 130
    except Exception:  # pylint: disable=broad-exception-caught
        status = unexpected()
    sys.exit(status)
