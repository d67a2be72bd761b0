"""Subscriptions."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import (
    Call,
    Route,
    list_objects,
    list_of,
    merged_metadata,
    retrieve,
)
from django_checkout.emulator.api.resources.baskets import line_of_price
from django_checkout.emulator.api.resources.invoices import close
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import ApiError, Doc, missing_object, without_hidden
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import State

KIND = "subscription"
ENDED = ("canceled", "incomplete_expired")
TRIAL_NOTICE_SECONDS = 3 * 24 * 3600
DAY_SECONDS = 24 * 3600
#: Fields of a new object that are null.
NULLS = (
    "application billing_cycle_anchor_config billing_thresholds cancel_at canceled_at customer_account "
    "days_until_due default_source ended_at items latest_invoice next_pending_invoice_item_invoice pause_collection "
    "pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock transfer_data"
)


def of_session(state: State, session: Doc, method: Doc | None) -> Doc:
    """Create the subscription of a completed session. The caller emits its event."""
    asked = session["_params"].get("subscription_data", {})
    tax = session["automatic_tax"]
    return new_subscription(
        state,
        state.get("customer", session["customer"]),
        asked,
        [line for line in session["_lines"] if line["price"]["type"] == "recurring"],
        trial_end=_trial_end(asked, state.clock.now()),
        automatic_tax={"disabled_reason": None, "enabled": tax["enabled"], "liability": tax["liability"]},
        default_payment_method=method["id"] if method else None,
        _typed=session["_typed"],
    )


def new_subscription(
    state: State,
    customer: Doc,
    asked: Doc,
    lines: list[Doc],
    *,
    trial_end: int | None = None,
    anchor: int | None = None,
    **fields: object,
) -> Doc:
    """Create a subscription to the prices of ``lines``. The caller emits its event.

    ``asked`` are parameters of the shop; ``anchor`` is the end of a first period that is shorter than the others.
    """
    now = state.clock.now()
    end_behavior = asked.get("trial_settings", {}).get("end_behavior", {})
    without_method = end_behavior.get("missing_payment_method", "create_invoice")
    subscription = state.new(
        KIND,
        NULLS,
        application_fee_percent=None,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=trial_end or anchor or now,
        billing_mode={"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": now},
        billing_schedules=[],
        cancel_at_period_end=False,
        cancellation_details=_no_cancellation(),
        collection_method="charge_automatically",
        currency=lines[0]["currency"],
        customer=customer["id"],
        default_payment_method=None,
        default_tax_rates=[],
        description=asked.get("description"),
        discounts=[],
        invoice_settings={
            **dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer")),
            "issuer": {"type": "self"},
        },
        metadata=merged_metadata({}, asked.get("metadata") or {}),
        on_behalf_of=asked.get("on_behalf_of"),
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        start_date=now,
        status="trialing" if trial_end else "active",
        test_clock=customer["test_clock"],
        trial_end=trial_end,
        trial_settings={"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": without_method}},
        trial_start=now if trial_end else None,
    )
    subscription.update({"_discount": None, "_typed": {}, **fields})
    items = [new_item(state, subscription, line, trial_end or anchor) for line in lines]
    subscription["items"] = list_of(items, f"/v1/subscription_items?subscription={subscription['id']}")
    return state.store.insert(subscription)


def lines_of(state: State, subscription: Doc) -> list[Doc]:
    """Return the lines that the items of a subscription charge for a period."""
    return [
        line_of_price(
            state,
            state.get("price", item["price"]["id"]),
            item.get("quantity", 1),
            subscription["currency"],
            _item=item["id"],
            _tax_rates=item["tax_rates"],
        )
        for item in subscription["items"]["data"]
    ]


def schedule_next(state: State, subscription: Doc) -> None:
    """Schedule the renewal at the end of the period, and the notice of a trial's end."""
    end = period_end(subscription)
    if subscription["cancel_at"]:
        state.schedule("cancel_due", subscription["id"], subscription["cancel_at"])
    state.schedule("renew", subscription["id"], end)
    if subscription["status"] == "trialing":
        state.schedule("announce_trial_end", subscription["id"], end - TRIAL_NOTICE_SECONDS)


def announce_trial_end(state: State, subscription: Doc) -> None:
    """Emit ``trial_will_end``."""
    if subscription["status"] == "trialing":
        state.emit("customer.subscription.trial_will_end", subscription)


def period_end(subscription: Doc) -> int:
    """Return the earliest end of its items' periods."""
    end: int = min(item["current_period_end"] for item in subscription["items"]["data"])
    return end


def period_start(subscription: Doc) -> int:
    """Return the latest start of its items' periods."""
    start: int = max(item["current_period_start"] for item in subscription["items"]["data"])
    return start


def next_items(subscription: Doc) -> Doc:
    """Return the items in their next period."""
    items = subscription["items"]
    anchor = subscription["billing_cycle_anchor"]
    moved = []
    for item in items["data"]:
        start = item["current_period_end"]
        end = end_of_period(start, item["price"]["recurring"], anchor)
        moved.append({**item, "current_period_start": start, "current_period_end": end})
    return {**items, "data": moved}


def end(state: State, subscription: Doc, reason: str | None = "cancellation_requested") -> Doc:
    """Cancel a subscription now."""
    now = state.clock.now()
    details = {**subscription["cancellation_details"], "reason": reason}
    changes = {"status": "canceled", "ended_at": now, "canceled_at": subscription["canceled_at"] or now}
    return state.update(subscription, "customer.subscription.deleted", **changes, cancellation_details=details)


def cancel_due(state: State, subscription: Doc) -> None:
    """Cancel a subscription at its ``cancel_at``."""
    at = subscription["cancel_at"]
    if subscription["status"] not in ENDED and at is not None and at <= state.clock.now():
        end(state, subscription)


def expire_incomplete(state: State, subscription: Doc) -> None:
    """End a subscription whose first invoice has not been paid in time."""
    if subscription["status"] == "incomplete":
        now = state.clock.now()
        state.update(subscription, "customer.subscription.updated", status="incomplete_expired", ended_at=now)
        invoice = state.store.find(subscription["latest_invoice"])
        if invoice and invoice["status"] == "open":
            close(state, invoice, "void")


def set_end(state: State, subscription: Doc, *, at_period_end: bool) -> Doc:
    """Cancel a subscription at the end of its period, or resume it."""
    return state.update(subscription, "customer.subscription.updated", **end_fields(subscription, state, at_period_end))


def end_fields(subscription: Doc, state: State, at_period_end: bool) -> Doc:
    """Return the changes that cancel a subscription at the end of its period, or resume it."""
    changes: Doc = {"cancel_at_period_end": at_period_end, "cancel_at": None, "canceled_at": None}
    changes["cancellation_details"] = _no_cancellation()
    if at_period_end:
        changes.update(cancel_at=period_end(subscription), canceled_at=state.clock.now())
        changes["cancellation_details"] = {**subscription["cancellation_details"], "reason": "cancellation_requested"}
    return changes


def alive_of(state: State, customer_id: str) -> list[Doc]:
    """Return the subscriptions of a customer that have not ended."""
    return [one for one in state.store.select(KIND, {"customer": customer_id}) if one["status"] not in ENDED]


def check_currency_of(state: State, customer: Doc, currency: str) -> None:
    """Raise Stripe's error if the customer has a subscription in another currency."""
    for other in {one["currency"] for one in alive_of(state, customer["id"])} - {currency}:
        # Automattic/woocommerce-payments#7732
        raise ApiError(
            "You cannot combine currencies on a single customer. This customer has an active subscription, "
            f"subscription schedule, discount, quote, or invoice item with currency {other}."
        )


def list_subscriptions(call: Call) -> Doc:
    """GET /v1/subscriptions. Ended ones are listed only on request."""
    status = call.params.get("status")
    ended = {"canceled": ["canceled"], "ended": list(ENDED)}
    alive = ["active", "trialing", "past_due", "unpaid", "incomplete", "paused"]
    wanted = ended.get(status, [status]) if status else alive
    where = {} if status == "all" else {"status": wanted}
    customer = call.state.store.find(call.params["customer"]) if "customer" in call.params else None
    clock = call.params.get("test_clock", (customer or {}).get("test_clock"))
    return list_objects(call, KIND, ("collection_method", "customer"), {**where, "test_clock": clock})


def check_alive(subscription: Doc, param: str = "id") -> None:
    """Raise Stripe's error for a subscription that has ended."""
    if subscription["status"] in ENDED:
        raise missing_object(KIND, subscription["id"], param, status=404)


def _trial_end(asked: Doc, now: int) -> int | None:
    if "trial_end" in asked:
        return int(asked["trial_end"])
    return now + asked["trial_period_days"] * DAY_SECONDS if "trial_period_days" in asked else None


def new_item(state: State, subscription: Doc, line: Doc, first_end: int | None = None) -> Doc:
    """Return a new item whose period begins now, and ends at ``first_end`` or after an interval."""
    now = state.clock.now()
    return {
        "id": new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_trial": None,
        "current_period_end": first_end or end_of_period(now, line["price"]["recurring"]),
        "current_period_start": now,
        "discounts": [],
        "metadata": line.get("_item_metadata") or {},
        "price": without_hidden(line["price"]),
        "quantity": line["quantity"],
        "subscription": subscription["id"],
        "tax_rates": [without_hidden(rate) for rate in line.get("_tax_rates") or []],
    }


def _no_cancellation() -> Doc:
    return {"comment": None, "feedback": None, "reason": None}


EXPANDABLE = {
    "subscription": ("customer", "default_payment_method", "discounts", "latest_invoice", "schedule", "test_clock"),
}
ROUTES = {
    "GET /v1/subscriptions": Route(
        list_subscriptions,
        "automatic_tax current_period_end current_period_start customer_account price",
    ),
    "GET /v1/subscriptions/{subscription_exposed_id}": Route(partial(retrieve, "subscription", param="id")),
}
