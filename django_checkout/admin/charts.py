"""Computes charts as numbers for SVG attributes; the templates show their values as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: The height of a chart, and the width of a bar with its gap, in the chart's own units.
HEIGHT = 100
STEP = 10
_GAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar and its title."""

    x: int
    y: int
    width: int
    height: int
    title: str
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Bars in a row; the highest fills the chart."""

    width: int
    height: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One step of a funnel, and its share of the first step."""

    name: str
    label: str
    number: int
    #: The length of the bar, 0 to 100; at least 1 unless the number is zero.
    length: int
    percent: int


def bar_chart(values: Sequence[int], titles: Sequence[str]) -> BarChart:
    """Return a bar per value; a bar above zero is at least 1 high, and one below zero is 0 high."""
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
