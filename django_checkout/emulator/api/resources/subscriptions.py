"""Subscriptions."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, list_objects, list_of, list_values, merged_metadata
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import Doc, StateError, without_hidden
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


def new_subscription(state: State, session: Doc, method: Doc | None) -> Doc:
    """Create the subscription of a completed session. The caller emits its event."""
    asked = session["_params"].get("subscription_data", {})
    now = state.clock.now()
    trial_end = _trial_end(asked, now)
    end_behavior = asked.get("trial_settings", {}).get("end_behavior", {})
    without_method = end_behavior.get("missing_payment_method", "create_invoice")
    subscription = state.new(
        KIND,
        NULLS,
        application_fee_percent=asked.get("application_fee_percent"),
        automatic_tax={
            "disabled_reason": None,
            "enabled": session["automatic_tax"]["enabled"],
            "liability": session["automatic_tax"]["liability"],
        },
        billing_cycle_anchor=trial_end or now,
        billing_mode={"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": now},
        billing_schedules=[],
        cancel_at_period_end=False,
        cancellation_details=_no_cancellation(),
        collection_method="charge_automatically",
        currency=session["currency"],
        customer=session["customer"],
        default_payment_method=method["id"] if method else None,
        default_tax_rates=[],
        description=asked.get("description"),
        discounts=[],
        invoice_settings={
            **dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer")),
            "issuer": {"type": "self"},
        },
        metadata=merged_metadata({}, asked.get("metadata", {})),
        on_behalf_of=asked.get("on_behalf_of"),
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        start_date=now,
        status="trialing" if trial_end else "active",
        trial_end=trial_end,
        trial_settings={"end_behavior": {"missing_payment_method": without_method}},
        trial_start=now if trial_end else None,
    )
    lines = [line for line in session["_lines"] if line["price"]["type"] == "recurring"]
    items = [_item(state, subscription, line, trial_end) for line in lines]
    subscription["items"] = list_of(items, f"/v1/subscription_items?subscription={subscription['id']}")
    subscription["_lines"] = lines
    subscription["_typed"] = session["_typed"]
    return state.store.insert(subscription)


def schedule_next(state: State, subscription: Doc) -> None:
    """Schedule the renewal at the end of the period, and the notice of a trial's end."""
    end = period_end(subscription)
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


def set_end(state: State, subscription: Doc, *, at_period_end: bool) -> Doc:
    """Cancel a subscription at the end of its period, or resume it."""
    changes: Doc = {"cancel_at_period_end": at_period_end, "cancel_at": None, "canceled_at": None}
    changes["cancellation_details"] = _no_cancellation()
    if at_period_end:
        changes.update(cancel_at=period_end(subscription), canceled_at=state.clock.now())
        changes["cancellation_details"] = {**_no_cancellation(), "reason": "cancellation_requested"}
    return state.update(subscription, "customer.subscription.updated", **changes)


def list_subscriptions(call: Call) -> Doc:
    """GET /v1/subscriptions. Ended ones are listed only on request."""
    status = call.params.get("status")
    ended = {"canceled": ["canceled"], "ended": list(ENDED)}
    alive = ["active", "trialing", "past_due", "unpaid", "incomplete", "paused"]
    wanted = ended.get(status, [status]) if status else alive
    where = {} if status == "all" else {"status": wanted}
    return list_objects(call, KIND, ("collection_method", "customer"), where)


def update(call: Call) -> Doc:
    """POST /v1/subscriptions/:subscription_exposed_id."""
    subscription, params, state = call.target(KIND, "id"), call.params, call.state
    _check_alive(subscription)
    changes = call.changes(subscription, "default_payment_method", "description")
    if "default_payment_method" in params:
        state.get("payment_method", params["default_payment_method"], "default_payment_method")
    if "cancel_at_period_end" in params and params["cancel_at_period_end"] != subscription["cancel_at_period_end"]:
        subscription.update(changes)
        return set_end(state, subscription, at_period_end=params["cancel_at_period_end"])
    return state.update(subscription, "customer.subscription.updated", **changes) if changes else subscription


def cancel(call: Call) -> Doc:
    """DELETE /v1/subscriptions/:subscription_exposed_id."""
    subscription = call.target(KIND, "id")
    _check_alive(subscription)
    details = call.params.get("cancellation_details", {})
    subscription["cancellation_details"] = {**subscription["cancellation_details"], **details}
    return end(call.state, subscription)


def list_items(call: Call) -> Doc:
    """GET /v1/subscription_items."""
    subscription = call.state.get(KIND, call.params["subscription"], "subscription")
    return list_values(call, subscription["items"]["data"])


def _check_alive(subscription: Doc) -> None:
    if subscription["status"] in ENDED:
        message = f"No such subscription: '{subscription['id']}'; it has been canceled and can no longer be changed."
        raise StateError(message, code="resource_missing", param="id")


def _trial_end(asked: Doc, now: int) -> int | None:
    if "trial_end" in asked:
        return int(asked["trial_end"])
    return now + asked["trial_period_days"] * DAY_SECONDS if "trial_period_days" in asked else None


def _item(state: State, subscription: Doc, line: Doc, trial_end: int | None) -> Doc:
    start = subscription["start_date"]
    return {
        "id": new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": state.clock.now(),
        "current_period_end": trial_end or end_of_period(start, line["price"]["recurring"]),
        "current_period_start": start,
        "discounts": [],
        "metadata": {},
        "price": without_hidden(line["price"]),
        "quantity": line["quantity"],
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _no_cancellation() -> Doc:
    return {"comment": None, "feedback": None, "reason": None}
