"""Draws the README's diagrams from the code; ``python -m tests.diagram`` rewrites them.

The states come from ``states``: every fact that can be joined next is tried from every set of facts, so the arrows
show what the function does. The layers come from tests/test_architecture.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from django_checkout.states import OrderStatus, SessionState, derive_order_status
from tests.test_architecture import LAYERS, PACKAGE

README = Path(__file__).parent.parent / "README.md"
BEGIN = {"states": "<!-- states: drawn from states -->", "layers": "<!-- layers: drawn from LAYERS -->"}
END = "<!-- end of {} -->"
AMOUNT = 2
OPEN = SessionState(status="open", payment_status="unpaid")


@dataclass(frozen=True)
class Facts:
    """What is known about an order with one session."""

    session: SessionState = OPEN
    captured: int | None = None
    refunded: int = 0
    is_canceled: bool = False

    @property
    def status(self) -> OrderStatus:
        return derive_order_status(
            kept_captured_minor=self.captured,
            kept_refunded_minor=self.refunded,
            sessions=[self.session],
            is_canceled=self.is_canceled,
        )


def next_facts(known: Facts) -> Iterator[tuple[str, Facts]]:
    """Yield each fact that may come next, and what is known then."""
    session = known.session
    if known.captured is not None:
        for refunded in range(AMOUNT + 1):
            word = "refund" if refunded > known.refunded else "refund fails"
            yield word, replace(known, refunded=refunded)
        return
    if session.status == "open":
        for is_manual, word in ((False, "delayed payment submitted"), (True, "authorised")):
            complete = replace(session, status="complete", is_manual_capture=is_manual)
            yield word, replace(known, session=complete)
        yield "paid", replace(known, session=replace(session, status="complete"), captured=AMOUNT)
        yield "canceled", replace(known, is_canceled=True)
    elif session.is_in_flight:
        yield "captured" if session.is_manual_capture else "arrived", replace(known, captured=AMOUNT)
        if session.is_manual_capture:
            voided = replace(session, intent_status="canceled")
            yield "voided", replace(known, session=voided)
            yield "canceled", replace(known, session=voided, is_canceled=True)
        else:
            yield "failed", replace(known, session=replace(session, has_async_failed=True))


def edges() -> dict[tuple[str, str], str]:
    """Return every change of status and the fact that makes it."""
    found: dict[tuple[str, str], str] = {}
    seen, waiting = set(), [Facts()]
    while waiting:
        known = waiting.pop()
        if known in seen:
            continue
        seen.add(known)
        for word, following in next_facts(known):
            if following.status != known.status:
                found.setdefault((known.status, following.status), word)
            waiting.append(following)
    return found


def draw(name: str) -> str:
    """Return a diagram as the README shows it."""
    lines = {"states": _states, "layers": _layers}[name]()
    return "\n".join([BEGIN[name], *lines, END.format(name)])


def _states() -> list[str]:
    """Return the states as Mermaid, in the order in which they are declared."""
    order = {status: position for position, status in enumerate(OrderStatus)}
    arrows = sorted(edges().items(), key=lambda item: (order[item[0][0]], order[item[0][1]]))
    lines = [f"    {start} --> {end}: {word}" for (start, end), word in arrows]
    return ["```mermaid", "stateDiagram-v2", "    [*] --> unpaid", *lines, "```"]


def _layers() -> list[str]:
    """Return one line per layer; a package ends with a slash."""
    rows = [[f"{part}/" if (PACKAGE / part).is_dir() else part for part in parts] for parts in LAYERS]
    return ["", *(f"    {'  '.join(row)}" for row in rows if row != ["__init__"]), ""]


def drawn(name: str) -> str:
    """Return the diagram that the README contains."""
    text, end = README.read_text(encoding="utf-8"), END.format(name)
    return text[text.index(BEGIN[name]) : text.index(end) + len(end)]


if __name__ == "__main__":
    for name in BEGIN:
        text = README.read_text(encoding="utf-8")
        README.write_text(text.replace(drawn(name), draw(name)), encoding="utf-8")
