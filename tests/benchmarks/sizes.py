"""How much each part measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Numbers of rows, events and rounds."""

    #: Rounds in which every kind of delivery is measured once; their medians are printed.
    rounds: int
    #: Deliveries of each kind in a round.
    events: int
    #: Events that wait for the drain, and how often they are drained.
    waiting: int
    drains: int
    #: Orders of the shop whose admin is measured.
    orders: int
    #: Sessions that are compared with Stripe, in a small and a large run.
    compared: tuple[int, int]
    #: Deliveries to one server whose memory is measured.
    remembered: int


FULL = Sizes(
    rounds=7, events=400, waiting=10_000, drains=3, orders=1_000_000, compared=(1000, 50_000), remembered=100_000
)
#: A smoke run: shows that everything works, not how fast.
QUICK = Sizes(rounds=1, events=20, waiting=300, drains=1, orders=11_000, compared=(100, 300), remembered=400)
