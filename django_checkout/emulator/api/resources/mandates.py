"""Mandates: the customer's permission to debit an account."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Route, retrieve
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State

KIND = "mandate"


def accept(state: State, method: Doc, params: Doc, single_use: Doc | None = None) -> str | None:
    """Store the mandate that ``mandate_data`` of a confirmation describes. Return its id, or None without one.

    ``single_use`` has the amount and currency of a mandate for one payment.
    """
    sent = params.get("mandate_data")
    if not sent:
        return None
    asked = sent["customer_acceptance"]
    online = asked.get("online", {})
    acceptance: Doc = {"type": asked["type"], "accepted_at": asked.get("accepted_at", state.clock.now())}
    if asked["type"] == "online":
        acceptance["online"] = {name: online.get(name) for name in ("ip_address", "user_agent")}
    else:
        acceptance["offline"] = dict(asked.get("offline", {}))
    reference = random_text(16).upper()
    debit = {"reference": reference, "url": f"https://hooks.stripe.com/adapter/sepa_debit/file/{reference}"}
    mandate = state.new(
        KIND,
        customer_acceptance=acceptance,
        payment_method=method["id"],
        payment_method_details={"type": "sepa_debit", "sepa_debit": debit},
        status="active",
        type="single_use" if single_use else "multi_use",
    )
    del mandate["created"]
    mandate[mandate["type"]] = single_use or {}
    method["_mandate"] = mandate["id"]
    state.store.save(method)
    return str(state.store.insert(mandate)["id"])


EXPANDABLE = {
    "mandate": ("payment_method",),
}
ROUTES = {
    "GET /v1/mandates/{mandate}": Route(partial(retrieve, KIND)),
}
