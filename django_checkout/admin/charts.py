"""Charts as numbers for SVG attributes: pure. Their words stand beside the drawing, where they stay readable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: The height of a chart, and the width of one of its bars with the gap after it, in units of its own.
HEIGHT = 100
STEP = 10
_GAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: where it stands, how high it is, and what it says."""

    x: int
    y: int
    width: int
    height: int
    title: str
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Bars side by side, the highest as high as the chart."""

    width: int
    height: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One line of a funnel: a number, and how much of the first line it is, in percent."""

    name: str
    label: str
    number: int
    #: 0 to 100, the length of its bar; the least that can be seen where there is anything at all.
    length: int
    percent: int


def bar_chart(values: Sequence[int], titles: Sequence[str]) -> BarChart:
    """Return values as bars; anything above zero can be seen, and nothing goes below the line."""
    highest = max([*values, 1])
    bars = []
    for number, (value, title) in enumerate(zip(values, titles, strict=True)):
        height = max(round(value * HEIGHT / highest), 1) if value > 0 else 0
        bars.append(
            Bar(
                x=number * STEP,
                y=HEIGHT - height,
                width=STEP - _GAP,
                height=height,
                title=title,
                is_last=number == len(values) - 1,
            )
        )
    return BarChart(width=max(len(values) * STEP - _GAP, 1), height=HEIGHT, bars=tuple(bars))


def share(name: str, label: str, number: int, whole: int) -> Share:
    """Return a number as a part of a whole."""
    percent = round(number * HEIGHT / whole) if whole else 0
    length = max(min(percent, HEIGHT), 1) if number else 0
    return Share(name=name, label=label, number=number, length=length, percent=percent)
