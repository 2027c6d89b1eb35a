# SPDX-License-Identifier: GPL-2.0-only
"""The pictures of the report, as SVG: the states with their arcs, and plots.

Their colours are the page's (report.html), so that they follow it into the dark.
"""

from __future__ import annotations

import html
import math
from typing import Iterable, Mapping, NamedTuple, Sequence

Arc = tuple[str, str]
Point = tuple[float, float]

# Where the states are; one that is not named here goes below them
PLACES: dict[str, Point] = {
    'RUNNING': (130, 40), 'PRE_COPY': (370, 40), 'RUNNING_P2P': (130, 150), 'PRE_COPY_P2P': (370, 150),
    'STOP': (130, 260), 'STOP_COPY': (370, 260), 'RESUMING': (130, 360),
}
WIDTH = 500
# Half of a state's box
HALF_X, HALF_Y = 62, 19
# From one arc to the one that leads back
APART = 7


class Look(NamedTuple):
    """How an arc is drawn."""
    kind: str           # a class of the style sheet: passed, failed or none
    width: float
    title: str


def escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def places_of(arcs: Iterable[Arc]) -> dict[str, Point]:
    """Where each state is that an arc touches."""
    names = list(dict.fromkeys(state for arc in arcs for state in arc))
    others = [name for name in names if name not in PLACES]
    bottom = max(y for _, y in PLACES.values()) + 100
    found = {name: PLACES[name] for name in names if name in PLACES}
    found.update({name: (130 + 240 * (number % 2), bottom + 100 * (number // 2))
                  for number, name in enumerate(others)})
    return found


def in_the_way(places: Mapping[str, Point], source: str, to: str) -> bool:
    """Is another state between the two, which are one above the other?"""
    (x1, y1), (x2, y2) = places[source], places[to]
    return x1 == x2 and any(x == x1 and min(y1, y2) < y < max(y1, y2) for x, y in places.values())


def path_of(places: Mapping[str, Point], source: str, to: str) -> str:
    """The line of an arc, from box to box; there and back lie side by side."""
    (x1, y1), (x2, y2) = places[source], places[to]
    if in_the_way(places, source, to):
        # Around it, on the outside; what leads up farther out
        side = -1 if x1 < WIDTH / 2 else 1
        up = y2 < y1
        begin, end = y1 + APART, y2 - APART
        bow = x1 + side * (HALF_X + (78 if up else 50))
        edge = x1 + side * HALF_X
        return (f'M{edge:.0f} {begin:.0f}C{bow:.0f} {begin:.0f} {bow:.0f} {end:.0f} '
                f'{edge + 5 * side:.0f} {end:.0f}')
    dx, dy = x2 - x1, y2 - y1
    length = math.hypot(dx, dy) or 1
    ux, uy = dx / length, dy / length
    reach = min(HALF_X / abs(ux) if ux else math.inf, HALF_Y / abs(uy) if uy else math.inf)
    aside_x, aside_y = -uy * APART, ux * APART
    return (f'M{x1 + ux * reach + aside_x:.0f} {y1 + uy * reach + aside_y:.0f}'
            f'L{x2 - ux * (reach + 5) + aside_x:.0f} {y2 - uy * (reach + 5) + aside_y:.0f}')


def fsm(arcs: Sequence[Arc], looks: Mapping[Arc, Look]) -> str:
    """The states and their arcs.  looks: of each arc."""
    places = places_of(arcs)
    bottom = max((y for _, y in places.values()), default=0) + HALF_Y + 4
    out = [f'<svg class="fsm" viewBox="0 0 {WIDTH} {bottom:.0f}" role="img" aria-label="states and arcs"><defs>']
    for kind in ('passed', 'failed', 'none'):
        out.append(f'<marker id="tip-{kind}" class="tip {kind}" viewBox="0 0 8 8" refX="6" refY="4" '
                   'markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto">'
                   '<path d="M0 0 8 4 0 8z"/></marker>')
    out.append('</defs>')
    for arc in arcs:
        look = looks[arc]
        out.append(f'<path class="arc {look.kind}" d="{path_of(places, *arc)}" stroke-width="{look.width:.1f}" '
                   f'marker-end="url(#tip-{look.kind})"><title>{escape(look.title)}</title></path>')
    for state, (x, y) in places.items():
        out.append(f'<rect x="{x - HALF_X:.0f}" y="{y - HALF_Y:.0f}" width="{2 * HALF_X}" '
                   f'height="{2 * HALF_Y}" rx="7"/><text x="{x:.0f}" y="{y + 4:.0f}">{escape(state)}</text>')
    return ''.join(out) + '</svg>'


class Curve(NamedTuple):
    """Measured points: x, median, least and most."""
    name: str
    kind: str           # a class of the style sheet: device or peer
    points: list[tuple[float, float, float, float]]


# Of a plot, and of what is inside of its axes
PLOT = (520, 300)
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 40


def short(value: float) -> str:
    """20000 is 20k"""
    for size, unit in ((1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if value >= size:
            return f'{value / size:g}{unit}'
    return f'{value:g}'


def scale(low: float, high: float, begin: float, end: float) -> tuple[list[float], float, float]:
    """Decades from low to high: their values, and a and b of a + b * log10(value)."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    last = max(last, first + 1)
    step = (end - begin) / (last - first)
    return [10.0 ** n for n in range(first, last + 1)], begin - first * step, step


def plot(title: str, x_name: str, y_name: str, curves: Sequence[Curve]) -> str:
    """Curves over logarithmic axes; nothing if there is nothing to show."""
    points = [point for curve in curves for point in curve.points]
    if not points:
        return ''
    width, height = PLOT
    xs, x_base, x_step = scale(min(p[0] for p in points), max(p[0] for p in points), LEFT, width - RIGHT)
    ys, y_base, y_step = scale(min(p[2] for p in points), max(p[3] for p in points), height - BOTTOM, TOP)

    def at(x: float, y: float) -> Point:
        return x_base + x_step * math.log10(x), y_base + y_step * math.log10(y)

    out = [f'<figure class="plot"><figcaption>{escape(title)}</figcaption>'
           f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">']
    for x in xs:
        px = at(x, ys[0])[0]
        out.append(f'<path class="grid" d="M{px:.1f} {TOP}V{height - BOTTOM}"/>'
                   f'<text x="{px:.1f}" y="{height - BOTTOM + 15}">{short(x)}</text>')
    for y in ys:
        py = at(xs[0], y)[1]
        out.append(f'<path class="grid" d="M{LEFT} {py:.1f}H{width - RIGHT}"/>'
                   f'<text class="left" x="{LEFT - 6}" y="{py + 4:.1f}">{short(y)}</text>')
    out.append(f'<text x="{(LEFT + width - RIGHT) / 2:.0f}" y="{height - 6}">{escape(x_name)}</text>'
               f'<text class="up" transform="translate(12 {(TOP + height - BOTTOM) / 2:.0f}) rotate(-90)">'
               f'{escape(y_name)}</text>')
    for number, curve in enumerate(curves):
        line = ' '.join(f'{px:.1f},{py:.1f}' for px, py in (at(x, y) for x, y, _, _ in curve.points))
        out.append(f'<g class="curve {curve.kind} c{number // 2 % 6}"><polyline points="{line}"/>')
        for x, y, low, high in curve.points:
            (px, py), bottom, top = at(x, y), at(x, low)[1], at(x, high)[1]
            out.append(f'<path d="M{px:.1f} {bottom:.1f}V{top:.1f}"/><circle cx="{px:.1f}" cy="{py:.1f}" r="3">'
                       f'<title>{escape(curve.name)}, {short(x)}: {y:.4g} ({low:.4g} to {high:.4g}) '
                       f'{escape(y_name)}</title></circle>')
        out.append('</g>')
    names = ''.join(f'<span class="{curve.kind} c{number // 2 % 6}">{escape(curve.name)}</span>'
                    for number, curve in enumerate(curves) if curve.points)
    return ''.join(out) + f'</svg><p class="legend">{names}</p></figure>'
