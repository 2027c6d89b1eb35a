# SPDX-License-Identifier: GPL-2.0-only
"""A table for people, in columns as wide as what is in them."""


def lines(rows, left):
    """rows: of one length, the titles first.  The first so many columns begin at the left."""
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    return ['  '.join(f'{cell:<{width}}' if number < left else f'{cell:>{width}}'
                      for number, (cell, width) in enumerate(zip(row, widths))).rstrip()
            for row in rows]
