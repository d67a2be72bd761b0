"""The actions of the control page and of its JSON interface, by name, with the fields of a form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from django_checkout.emulator.api.rate_limits import Mode
from django_checkout.emulator.chaos import When
from django_checkout.emulator.control.controls import Controls
from django_checkout.emulator.incidents import Outage
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import ENDPOINT_KINDS

Form = dict[str, str]


def _fail(controls: Controls, form: Form) -> None:
    when: When = "after" if form.get("when") == "after" else "before"
    count, match = int(form["count"]), form.get("match") or "*"
    if form["status"] == "drop":
        controls.chaos.drop(count, when=when, match=match)
    else:
        status, _, code = form["status"].partition(" ")
        controls.chaos.fail(count, status=int(status), code=code, when=when, match=match)


def _fail_deliveries(controls: Controls, form: Form) -> None:
    count, types = int(form["count"]), form.get("types") or "*"
    match form["kind"]:
        case "lose":
            controls.chaos.lose(count, types=types)
        case "duplicate":
            controls.chaos.duplicate(count, types=types)
        case "delay":
            controls.chaos.delay(60, count, types=types)
        case "reverse":
            controls.chaos.reorder("reverse")
        case _:
            controls.chaos.reorder("shuffle")


def _roll_secret(controls: Controls, form: Form) -> Doc:
    overlap = int(form.get("overlap_seconds") or 0)
    secret = controls.roll_secret(form.get("id", ""), secret=form.get("secret", ""), overlap_seconds=overlap)
    return {"secret": secret}


def _set_other_mode(controls: Controls, form: Form) -> None:
    controls.incidents.is_other_mode = form["on"] == "1"


def _limit_requests(controls: Controls, form: Form) -> None:
    controls.rate_limits.mode = cast("Mode", form["mode"])


def _pay(controls: Controls, form: Form) -> object:
    chosen = {name: form[name] for name in ("method", "email", "confirmation_number", "tax_id") if form.get(name)}
    return controls.pay(form["id"], form.get("card") or "4242424242424242", iban=form.get("iban") or None, **chosen)


def _settle(controls: Controls, form: Form) -> object:
    return controls.settle(form["id"], amount=int(form["amount"]) if form.get("amount") else None)


def _refund(controls: Controls, form: Form) -> Doc:
    return controls.refund(form["id"], int(form["amount"]) if form.get("amount") else None)


#: The field ``id`` names the object.
ACTIONS: dict[str, Callable[[Controls, Form], object]] = {
    # The shopper, the bank and the dashboard.
    "pay": _pay,
    "expire": lambda controls, form: controls.expire(form["id"]),
    "authenticate": lambda controls, form: controls.authenticate(form["id"]),
    "authenticate_failed": lambda controls, form: controls.authenticate(form["id"], succeed=False),
    "settle": _settle,
    "settle_failed": lambda controls, form: controls.settle(form["id"], succeed=False),
    "refund": _refund,
    "dispute": lambda controls, form: controls.open_dispute(form["id"]),
    "warn": lambda controls, form: controls.warn_of_fraud(form["id"]),
    "win": lambda controls, form: controls.close_dispute(form["id"], "won"),
    "lose": lambda controls, form: controls.close_dispute(form["id"], "lost"),
    "transfer": lambda controls, form: controls.transfer(
        form["id"], int(form["amount"]), form["currency"], reference=form.get("reference") or None
    ),
    "finish_refund": lambda controls, form: controls.finish_refund(form["id"]),
    "fail_refund": lambda controls, form: controls.fail_refund(form["id"]),
    "resend": lambda controls, form: controls.resend(form["id"]),
    # Clocks, and faults of the next requests and deliveries.
    "advance": lambda controls, form: controls.clock.advance(int(form["seconds"])),
    "correct_clock": lambda controls, form: controls.clock.correct(int(form["seconds"])),
    "fail": _fail,
    "fail_deliveries": _fail_deliveries,
    "reset": lambda controls, form: controls.chaos.reset(),
    # Incidents, until they are ended.
    "outage": lambda controls, form: controls.incidents.start_outage(
        cast("Outage", form["kind"]), match=form.get("match", "*")
    ),
    "revoke_keys": lambda controls, form: controls.incidents.revoke_keys(form.get("ending", "")),
    "restrict_keys": lambda controls, form: controls.incidents.restrict_keys(form["match"], form.get("ending", "")),
    "limit_requests": _limit_requests,
    "other_mode": _set_other_mode,
    "end_incidents": lambda controls, form: controls.incidents.end(),
    "roll_secret": _roll_secret,
    "disable_endpoint": lambda controls, form: controls.disable_endpoint(form.get("id", "")),
    "enable_endpoint": lambda controls, form: controls.enable_endpoint(form.get("id", "")),
}


def status_of(controls: Controls) -> dict[str, Any]:
    """Return the clocks, incidents, endpoints and numbers of deliveries, without secrets."""
    incidents, clock, store = controls.incidents, controls.clock, controls.store
    with controls.state.transaction():
        urls = {endpoint["id"] for endpoint in endpoints_of(controls)}
        deliveries = [one for one in store.select("_delivery") if one["endpoint"] in urls]
        waiting = [one for one in deliveries if one["state"] == "pending"]
        return {
            "now": clock.now(),
            "advanced_seconds": clock.offset_seconds,
            "correction_seconds": clock.correction_seconds,
            "rate_limit": controls.rate_limits.mode,
            "outage": incidents.outage,
            "outage_match": incidents.match,
            "other_mode": incidents.is_other_mode,
            "revoked_keys": incidents.revoked_keys,
            "restrictions": incidents.restrictions,
            "endpoints": endpoints_of(controls),
            "deliveries": dict(Counter(one["state"] for one in deliveries)),
            "due_deliveries": sum(one["due_at"] <= clock.now() for one in waiting),
        }


def endpoints_of(controls: Controls) -> list[Doc]:
    """Return the endpoints with their statuses, without their secrets."""
    return [
        {name: endpoint[name] for name in ("id", "url", "status", "api_version")}
        for kind in ENDPOINT_KINDS
        for endpoint in controls.store.select(kind)
        if endpoint["url"]
    ]
