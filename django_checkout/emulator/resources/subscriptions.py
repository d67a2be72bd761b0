"""Subscriptions: made by a session, read, ended."""

from __future__ import annotations

from ..calls import Call, list_objects, list_of, list_values, merged_metadata
from ..ids import new_id
from ..messages import Doc, StateError, without_hidden
from ..periods import later
from ..world import World

KIND = "subscription"
ENDED = ("canceled", "incomplete_expired")
TRIAL_NOTICE_SECONDS = 3 * 24 * 3600
DAY_SECONDS = 24 * 3600


def new_subscription(world: World, session: Doc, method: Doc | None) -> Doc:
    """Make and keep the subscription that a session has bought; the caller emits."""
    asked = session["_params"].get("subscription_data", {})
    now = world.clock.now()
    trial_end = _trial_end(asked, now)
    subscription = world.new(
        KIND,
        application=None,
        application_fee_percent=asked.get("application_fee_percent"),
        automatic_tax={
            "disabled_reason": None,
            "enabled": session["automatic_tax"]["enabled"],
            "liability": session["automatic_tax"]["liability"],
        },
        billing_cycle_anchor=trial_end or now,
        billing_cycle_anchor_config=None,
        billing_mode={"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": now},
        billing_schedules=[],
        billing_thresholds=None,
        cancel_at=None,
        cancel_at_period_end=False,
        canceled_at=None,
        cancellation_details=_no_cancellation(),
        collection_method="charge_automatically",
        currency=session["currency"],
        customer=session["customer"],
        customer_account=None,
        days_until_due=None,
        default_payment_method=method["id"] if method else None,
        default_source=None,
        default_tax_rates=[],
        description=asked.get("description"),
        discounts=[],
        ended_at=None,
        invoice_settings={
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        items=None,
        latest_invoice=None,
        metadata=merged_metadata({}, asked.get("metadata", {})),
        next_pending_invoice_item_invoice=None,
        on_behalf_of=asked.get("on_behalf_of"),
        pause_collection=None,
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        pending_invoice_item_interval=None,
        pending_setup_intent=None,
        pending_update=None,
        schedule=None,
        start_date=now,
        status="trialing" if trial_end else "active",
        test_clock=None,
        transfer_data=None,
        trial_end=trial_end,
        trial_settings={
            "end_behavior": {
                "missing_payment_method": asked.get("trial_settings", {})
                .get("end_behavior", {})
                .get("missing_payment_method", "create_invoice")
            }
        },
        trial_start=now if trial_end else None,
    )
    lines = [line for line in session["_lines"] if line["price"]["type"] == "recurring"]
    items = [_item(world, subscription, line, trial_end) for line in lines]
    subscription["items"] = list_of(items, f"/v1/subscription_items?subscription={subscription['id']}")
    subscription["_lines"] = lines
    subscription["_typed"] = session["_typed"]
    return world.store.insert(subscription)


def schedule_next(world: World, subscription: Doc) -> None:
    """Have the subscription go on, or end, when what is paid for is over."""
    end = period_end(subscription)
    world.schedule("renew", subscription["id"], end)
    if subscription["status"] == "trialing":
        world.schedule("announce_trial_end", subscription["id"], end - TRIAL_NOTICE_SECONDS)


def announce_trial_end(world: World, subscription: Doc) -> None:
    """Tell that a trial is about to end."""
    if subscription["status"] == "trialing":
        world.emit("customer.subscription.trial_will_end", subscription)


def period_end(subscription: Doc) -> int:
    """Return when the earliest period of its items ends."""
    end: int = min(item["current_period_end"] for item in subscription["items"]["data"])
    return end


def next_items(subscription: Doc) -> Doc:
    """Return the items in the period that comes next."""
    items = subscription["items"]
    anchor = subscription["billing_cycle_anchor"]
    moved = []
    for item in items["data"]:
        start = item["current_period_end"]
        end = later(start, item["price"]["recurring"], anchor)
        moved.append({**item, "current_period_start": start, "current_period_end": end})
    return {**items, "data": moved}


def end(world: World, subscription: Doc, reason: str | None = "cancellation_requested") -> Doc:
    """End a subscription now."""
    now = world.clock.now()
    details = {**subscription["cancellation_details"], "reason": reason}
    changes = {"status": "canceled", "ended_at": now, "canceled_at": subscription["canceled_at"] or now}
    return world.update(subscription, "customer.subscription.deleted", **changes, cancellation_details=details)


def set_end(world: World, subscription: Doc, *, at_period_end: bool) -> Doc:
    """Let a subscription end with what is paid for, or go on after all."""
    changes: Doc = {"cancel_at_period_end": at_period_end, "cancel_at": None, "canceled_at": None}
    changes["cancellation_details"] = _no_cancellation()
    if at_period_end:
        changes.update(cancel_at=period_end(subscription), canceled_at=world.clock.now())
        changes["cancellation_details"] = {**_no_cancellation(), "reason": "cancellation_requested"}
    return world.update(subscription, "customer.subscription.updated", **changes)


def retrieve(call: Call) -> Doc:
    """GET /v1/subscriptions/:subscription_exposed_id."""
    return call.world.get(KIND, call.ids["subscription_exposed_id"], "id")


def list_subscriptions(call: Call) -> Doc:
    """GET /v1/subscriptions; those that have ended only where they are asked for."""
    status = call.params.get("status")
    ended = {"canceled": ["canceled"], "ended": list(ENDED)}
    alive = ["active", "trialing", "past_due", "unpaid", "incomplete", "paused"]
    wanted = ended.get(status, [status]) if status else alive
    where = {} if status == "all" else {"status": wanted}
    return list_objects(call, KIND, ("collection_method", "customer"), where)


def update(call: Call) -> Doc:
    """POST /v1/subscriptions/:subscription_exposed_id."""
    subscription, params, world = retrieve(call), call.params, call.world
    _check_alive(subscription)
    changes: Doc = {name: params[name] or None for name in ("default_payment_method", "description") if name in params}
    if "default_payment_method" in params:
        world.get("payment_method", params["default_payment_method"], "default_payment_method")
    if "metadata" in params:
        changes["metadata"] = merged_metadata(subscription["metadata"], params["metadata"])
    if "cancel_at_period_end" in params and params["cancel_at_period_end"] != subscription["cancel_at_period_end"]:
        subscription.update(changes)
        return set_end(world, subscription, at_period_end=params["cancel_at_period_end"])
    return world.update(subscription, "customer.subscription.updated", **changes) if changes else subscription


def cancel(call: Call) -> Doc:
    """DELETE /v1/subscriptions/:subscription_exposed_id."""
    subscription = retrieve(call)
    _check_alive(subscription)
    told = call.params.get("cancellation_details", {})
    subscription["cancellation_details"] = {**subscription["cancellation_details"], **told}
    return end(call.world, subscription)


def list_items(call: Call) -> Doc:
    """GET /v1/subscription_items."""
    subscription = call.world.get(KIND, call.params["subscription"], "subscription")
    return list_values(call, subscription["items"]["data"])


def _check_alive(subscription: Doc) -> None:
    if subscription["status"] in ENDED:
        message = f"No such subscription: '{subscription['id']}'; it has been canceled and can no longer be changed."
        raise StateError(message, code="resource_missing", param="id")


def _trial_end(asked: Doc, now: int) -> int | None:
    if "trial_end" in asked:
        return int(asked["trial_end"])
    return now + asked["trial_period_days"] * DAY_SECONDS if "trial_period_days" in asked else None


def _item(world: World, subscription: Doc, line: Doc, trial_end: int | None) -> Doc:
    start = subscription["start_date"]
    return {
        "id": new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": world.clock.now(),
        "current_period_end": trial_end or later(start, line["price"]["recurring"]),
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
