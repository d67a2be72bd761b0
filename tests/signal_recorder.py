"""Records the signals that the app sends, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from django_checkout import signals
from django_checkout.models import Order

SIGNALS = {name: signal for name, signal in vars(signals).items() if isinstance(signal, signals.Signal)}
_OPTIONAL = frozenset(("session", "refund", "dispute", "subscription", "amount_minor", "reason", "next_action"))


@dataclass(frozen=True, slots=True)
class SentSignal:
    """One signal as a receiver receives it; ``subject`` is the Stripe id, the reason or the order that it is about."""

    name: str
    subject: str
    arguments: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


class SignalRecorder:
    """A receiver that records every signal; as a context manager, it is connected to all of them."""

    def __init__(self) -> None:
        self.sent: list[SentSignal] = []
        self._connected: list[tuple[signals.Signal, type | None]] = []

    @property
    def names(self) -> list[str]:
        return [signal.name for signal in self.sent]

    def arguments(self, name: str) -> list[dict[str, Any]]:
        """Return the arguments of each signal of this name."""
        return [signal.arguments for signal in self.sent if signal.name == name]

    def clear(self) -> None:
        self.sent.clear()

    def connect(self, *names: str, sender: type | None = Order) -> None:
        for name in names:
            SIGNALS[name].connect(self._receive, sender=sender, weak=False)
            self._connected.append((SIGNALS[name], sender))

    def __enter__(self) -> Self:
        self.connect(*SIGNALS)
        return self

    def __exit__(self, *exception: object) -> None:
        for signal, sender in self._connected:
            signal.disconnect(self._receive, sender=sender)

    def _receive(self, *, signal: signals.Signal, sender: type, order: Order, source: Any, **optional: Any) -> None:
        """Record a signal; an argument that no receiver knows is an error, as in a host's receiver."""
        if unknown := optional.keys() - _OPTIONAL:
            raise TypeError(f"no receiver expects {unknown}")
        name = next(name for name, known in SIGNALS.items() if known is signal)
        arguments = {"order": order, "source": source, **optional}
        self.sent.append(SentSignal(name, _subject(name, arguments), arguments))


def _subject(name: str, arguments: dict[str, Any]) -> str:
    if name in ("order_paid", "order_canceled"):
        return str(arguments["order"].reference)
    if name == "attention_needed":
        return str(arguments["reason"])
    rows = (arguments.get(kind) for kind in ("refund", "dispute", "subscription", "session"))
    return next(str(row.stripe_id) for row in rows if row)
