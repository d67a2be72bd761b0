"""Renders events in older API versions of endpoints. Only changes that affect a shop's code are covered.

See https://docs.stripe.com/changelog.
"""

from __future__ import annotations

from collections.abc import Callable

from django_checkout.emulator.api.calls import list_of
from django_checkout.emulator.messages import API_VERSION, Doc
from django_checkout.emulator.state.store import Store

OLD_UI_MODES = {"hosted_page": "hosted", "embedded_page": "embedded", "elements": "custom"}


def _rename_ui_modes(session: Doc, store: Store) -> None:
    session["ui_mode"] = OLD_UI_MODES.get(session["ui_mode"], session["ui_mode"])
    session.pop("integration_identifier", None)


def _move_shipping(session: Doc, store: Store) -> None:
    collected = session.pop("collected_information", None) or {}
    session["shipping_details"] = collected.get("shipping_details")


def _list_charges(intent: Doc, store: Store) -> None:
    intent.pop("latest_charge", None)
    charges = store.select("charge", {"payment_intent": intent["id"]})
    shown = [{key: value for key, value in charge.items() if key[0] != "_"} for charge in charges]
    intent["charges"] = list_of(shown, f"/v1/charges?payment_intent={intent['id']}")


def _list_refunds(charge: Doc, store: Store) -> None:
    charge["refunds"] = list_of(store.select("refund", {"charge": charge["id"]}), f"/v1/charges/{charge['id']}/refunds")


#: Changes to undo for endpoints older than a version, newest first.
CHANGES: tuple[tuple[str, str, Callable[[Doc, Store], None]], ...] = (
    ("2026-03-25", "checkout.session", _rename_ui_modes),
    ("2025-03-31", "checkout.session", _move_shipping),
    ("2022-11-15", "payment_intent", _list_charges),
    ("2022-11-15", "charge", _list_refunds),
)


def rendered(event: Doc, version: str | None, store: Store) -> Doc:
    """Return an event in an API version. Changes ``event``."""
    if version is None or version[:10] >= API_VERSION[:10]:
        return event
    event["api_version"] = version
    document = event["data"]["object"]
    for since, kind, undo in CHANGES:
        if version[:10] < since and document["object"] == kind:
            undo(document, store)
    return event
