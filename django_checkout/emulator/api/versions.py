"""Renders objects in the versions of Stripe's API.

Objects are stored in the shape of the newest version that is played. Versions that are not played are rendered for
webhook endpoints only, with the changes that affect a shop's code. See https://docs.stripe.com/changelog, and for new
fields the changelog and the types of stripe-node 23, which tell null from absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_checkout.emulator.api.calls import list_of
from django_checkout.emulator.messages import API_VERSION, Doc, without_hidden
from django_checkout.emulator.state.store import Store

OLD_UI_MODES = {"hosted_page": "hosted", "embedded_page": "embedded", "elements": "custom"}

#: The fields that a version added to a kind of object.
ADDED: tuple[tuple[str, str, str], ...] = (
    ("2026-10-28", "billing_portal.configuration", "features.subscription_pause"),
    ("2026-10-28", "subscription_schedule", "pause_schedules"),
    ("2026-10-28", "dispute", "evidence_details.submission_method"),
    ("2026-10-28", "dispute", "intended_submission_method"),
    ("2026-09-30", "charge", "payment_method_details.card.electronic_commerce_indicator"),
    ("2026-09-30", "checkout.session", "allowed_payment_method_types"),
    ("2026-09-30", "payment_intent", "payment_record"),
    ("2026-09-30", "product", "tax_details"),
    ("2026-09-30", "subscription", "trial_settings.end_behavior.billing_cycle_anchor"),
    ("2026-09-30", "subscription_item", "current_trial"),
    # Thin events of the first API became generally available.
    ("2026-09-30", "v2.core.event", "changes"),
    ("2026-09-30", "v2.core.event", "snapshot_event"),
    ("2026-03-25", "checkout.session", "integration_identifier"),
)


def _rename_ui_modes(session: Doc, store: Store) -> None:
    session["ui_mode"] = OLD_UI_MODES.get(session["ui_mode"], session["ui_mode"])


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


#: Other changes to undo in events for endpoints older than a version, newest first.
CHANGES: tuple[tuple[str, str, Callable[[Doc, Store], None]], ...] = (
    ("2026-03-25", "checkout.session", _rename_ui_modes),
    ("2025-03-31", "checkout.session", _move_shipping),
    ("2022-11-15", "payment_intent", _list_charges),
    ("2022-11-15", "charge", _list_refunds),
)


def rendered(value: Any, version: str) -> Any:
    """Return an object, or a list of objects, with the fields that a version has, at every depth.

    What is in an event never changes, so that it has the version of the event.
    """
    if isinstance(value, list):
        return [rendered(item, version) if isinstance(item, (dict, list)) else item for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("object")
    if kind == "event":
        version = value["api_version"]
    answer = {
        name: rendered(item, version) if isinstance(item, (dict, list)) and name != "metadata" else item
        for name, item in value.items()
    }
    if kind == "event" and "previous_attributes" in answer["data"]:
        _leave_out(answer["data"]["previous_attributes"], answer["data"]["object"]["object"], version)
    if kind:
        _leave_out(answer, kind, version)
    return answer


def shown(document: Doc) -> Doc:
    """Return a stored object as the API returns it in the account's version."""
    answer: Doc = rendered(without_hidden(document), API_VERSION)
    return answer


def rendered_event(event: Doc, version: str, store: Store) -> Doc:
    """Return an event as an endpoint of a version receives it."""
    answer: Doc = rendered({**event, "api_version": version}, version)
    document = answer["data"]["object"]
    for since, kind, undo in CHANGES:
        if version[:10] < since and document["object"] == kind:
            undo(document, store)
    return answer


def _leave_out(document: Doc, kind: object, version: str) -> None:
    for since, owner, path in ADDED:
        if kind == owner and version[:10] < since:
            _remove(document, path)


def _remove(document: Doc, path: str) -> None:
    *steps, last = path.split(".")
    node: Any = document
    for step in steps:
        node = node.get(step)
        if not isinstance(node, dict):
            return
    node.pop(last, None)
