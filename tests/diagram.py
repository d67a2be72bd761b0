"""Draws the README's states diagram from ``states.py``: ``python -m tests.diagram`` rewrites it.

Every fact that can be joined next is tried from every set of facts, so the arrows are what the function does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from django_checkout.states import OrderStatus, SessionState, derive_order_status

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- states: drawn from states.py -->", "<!-- end of states -->"
AMOUNT = 2
OPEN = SessionState(status="open", payment_status="unpaid")


@dataclass(frozen=True)
class Facts:
    """What is known of an order with one session."""

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


def draw() -> str:
    """Return the diagram as Mermaid, in the order in which the statuses are declared."""
    order = {status: position for position, status in enumerate(OrderStatus)}
    arrows = sorted(edges().items(), key=lambda item: (order[item[0][0]], order[item[0][1]]))
    lines = [f"    {start} --> {end}: {word}" for (start, end), word in arrows]
    return "\n".join([BEGIN, "```mermaid", "stateDiagram-v2", "    [*] --> unpaid", *lines, "```", END])


def drawn() -> str:
    """Return the diagram that stands in the README."""
    text = README.read_text(encoding="utf-8")
    return text[text.index(BEGIN) : text.index(END) + len(END)]


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(text.replace(drawn(), draw()), encoding="utf-8")
