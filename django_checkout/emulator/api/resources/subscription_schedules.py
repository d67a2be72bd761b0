"""Subscription schedules: phases of a subscription, which begin at their time.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, merged_metadata, retrieve
from django_checkout.emulator.api.params import Params
from django_checkout.emulator.api.resources import subscription_create, subscriptions
from django_checkout.emulator.api.resources.pricing import missing, one_of
from django_checkout.emulator.api.resources.schedule_phases import NOT_PLAYED, new_phase, new_phases
from django_checkout.emulator.api.resources.subscription_changes import change
from django_checkout.emulator.messages import Doc, StateError, not_implemented
from django_checkout.emulator.state.state import State

KIND = "subscription_schedule"
#: https://docs.stripe.com/api/events/types#event_types-subscription_schedule.expiring
NOTICE_SECONDS = 7 * 24 * 3600
NULLS = (
    "application canceled_at completed_at current_phase customer_account released_at released_subscription subscription"
)


def create(call: Call) -> Doc:
    """POST /v1/subscription_schedules."""
    state, params = call.state, call.params
    if "from_subscription" in params:
        for name in ("phases", "customer", "start_date", "end_behavior"):
            if name in params:
                # https://docs.stripe.com/api/subscription_schedules/create#create_subscription_schedule-from_subscription
                raise one_of("from_subscription", name)
        return _from_subscription(state, params)
    if "customer" not in params:
        raise missing("customer")
    customer = state.get("customer", params["customer"], "customer")
    starts = params.get("start_date", "now")
    now = state.clock.now()
    if starts != "now" and starts > now:
        raise not_implemented("a schedule that begins in the future", "start_date")
    schedule = _new(state, customer, params, params.get("end_behavior", "release"))
    schedule["phases"] = new_phases(state, params.get("phases") or [], now)
    first = params["phases"][0]
    method = params.get("default_settings", {}).get("default_payment_method")
    if method:
        schedule["default_settings"]["default_payment_method"] = method
    sent: Doc = {"items": first["items"], "proration_behavior": "none", "metadata": first.get("metadata") or {}}
    if method:
        sent["default_payment_method"] = method
    # stripe/_subscription_service.py create: the first invoice of a schedule always begins as a draft.
    created = subscription_create.start(state, customer, Params(sent), with_draft=True)
    return _begin(state, schedule, created)


def _from_subscription(state: State, params: Doc) -> Doc:
    """Create a schedule whose only phase is the current period of a subscription."""
    subscription = state.get(subscriptions.KIND, params["from_subscription"], "from_subscription")
    subscriptions.check_alive(subscription, "from_subscription")
    if subscription["schedule"]:
        # BasedHardware/omi#7649
        message = (
            f"You cannot migrate a subscription that is already attached to a schedule: `{subscription['schedule']}`."
        )
        raise StateError(message, param="from_subscription")
    schedule = _new(state, state.get("customer", subscription["customer"]), params, "release")
    items = [
        {"price": item["price"]["id"], "quantity": item["quantity"], "tax_rates": item["tax_rates"]}
        for item in subscription["items"]["data"]
    ]
    start, end = subscriptions.period_start(subscription), subscriptions.period_end(subscription)
    schedule["phases"] = [new_phase(subscription["currency"], items, start, end)]
    return _begin(state, schedule, subscription)


def _new(state: State, customer: Doc, params: Doc, end_behavior: str) -> Doc:
    if end_behavior not in ("cancel", "release"):
        raise not_implemented(f"the value {end_behavior} of end_behavior", "end_behavior")
    issuer = {"type": "self"}
    settings = dict.fromkeys(("account_tax_ids", "custom_fields", "days_until_due", "description", "footer"))
    names = "application_fee_percent billing_thresholds default_payment_method description on_behalf_of transfer_data"
    return state.new(
        KIND,
        NULLS,
        billing_mode={"type": "flexible", "flexible": {"proration_discounts": "included"}},
        customer=customer["id"],
        default_settings={
            **dict.fromkeys(names.split()),
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": "automatic",
            "collection_method": "charge_automatically",
            "invoice_settings": {**settings, "issuer": issuer},
        },
        end_behavior=end_behavior,
        metadata=merged_metadata({}, params.get("metadata") or {}),
        pause_schedules=[],
        phases=[],
        status="active",
        test_clock=customer["test_clock"],
    )


def _begin(state: State, schedule: Doc, subscription: Doc) -> Doc:
    """Attach a new schedule to its subscription."""
    state.store.insert(schedule)
    state.update(subscription, schedule=schedule["id"])
    schedule["subscription"] = subscription["id"]
    state.emit("subscription_schedule.created", schedule)
    return _set_current(state, schedule)


def _set_current(state: State, schedule: Doc) -> Doc:
    """Set the current phase, and schedule the next change."""
    now = state.clock.now()
    current = [one for one in schedule["phases"] if one["start_date"] <= now < one["end_date"]]
    if current:
        schedule["current_phase"] = {name: current[0][name] for name in ("end_date", "start_date")}
        state.schedule("next_phase", schedule["id"], current[0]["end_date"])
        notice = _ends_at(schedule) - NOTICE_SECONDS
        if notice > now and not schedule.get("_is_expiring"):
            state.schedule("announce_schedule_end", schedule["id"], notice)
    return state.store.save(schedule)


def _ends_at(schedule: Doc) -> int:
    return int(schedule["phases"][-1]["end_date"])


def announce_end(state: State, schedule: Doc) -> None:
    """Emit ``expiring``, unless the schedule is over or ends at another time by now."""
    is_due = _ends_at(schedule) - NOTICE_SECONDS <= state.clock.now()
    if schedule["status"] == "active" and is_due and not schedule.get("_is_expiring"):
        state.update(schedule, _is_expiring=True)
        state.emit("subscription_schedule.expiring", schedule)


def update(call: Call) -> Doc:
    """POST /v1/subscription_schedules/:schedule."""
    schedule, state, params = call.target(KIND), call.state, call.params
    if schedule["status"] != "active" and params.keys() - {"expand", "metadata"}:
        raise not_implemented(f"an update of a schedule with the status {schedule['status']}")
    changes = call.changes(schedule, "end_behavior")
    if changes.get("end_behavior") not in (None, "cancel", "release"):
        raise not_implemented(f"the value {changes['end_behavior']} of end_behavior", "end_behavior")
    if "phases" in params:
        start = schedule["current_phase"]["start_date"]
        changes["phases"] = new_phases(state, params["phases"], start)
    state.update(schedule, "subscription_schedule.updated", **changes)
    if "phases" in params:
        _apply(state, schedule, params.get("proration_behavior", "create_prorations"))
        _set_current(state, schedule)
    return schedule


def next_phase(state: State, schedule: Doc) -> None:
    """Begin the next phase of a schedule, or complete it."""
    now = state.clock.now()
    current = schedule["current_phase"]
    if schedule["status"] != "active" or not current or current["end_date"] > now:
        return
    if any(phase["start_date"] <= now < phase["end_date"] for phase in schedule["phases"]):
        upcoming = next(one for one in schedule["phases"] if one["start_date"] <= now < one["end_date"])
        _apply(state, schedule, upcoming["proration_behavior"])
        _set_current(state, schedule)
        state.emit("subscription_schedule.updated", schedule)
        return
    subscription = state.get(subscriptions.KIND, schedule["subscription"])
    state.update(subscription, schedule=None)
    if schedule["end_behavior"] == "cancel":
        subscriptions.end(state, subscription)
    fields: Doc = {"current_phase": None, "completed_at": now, "status": "completed"}
    if schedule["end_behavior"] == "release":
        fields.update(released_subscription=subscription["id"], subscription=None)
    state.update(schedule, "subscription_schedule.completed", **fields)


def _apply(state: State, schedule: Doc, behavior: str) -> None:
    """Give the subscription the items of the phase that is current now."""
    now = state.clock.now()
    phase = next((one for one in schedule["phases"] if one["start_date"] <= now < one["end_date"]), None)
    subscription = state.get(subscriptions.KIND, schedule["subscription"])
    if phase is None or subscription["status"] in subscriptions.ENDED:
        return
    wanted = {item["price"]: item for item in phase["items"]}
    known = {item["price"]["id"]: item for item in subscription["items"]["data"]}
    sent: list[Doc] = [
        Params({"id": known[price]["id"], "quantity": item["quantity"]})
        if price in known
        else Params({"price": price, "quantity": item["quantity"]})
        for price, item in wanted.items()
    ]
    sent += [Params({"id": item["id"], "deleted": True}) for price, item in known.items() if price not in wanted]
    change(state, subscription, Params({"items": sent, "proration_behavior": behavior}))


def change_at_period_end(state: State, subscription: Doc, items: list[Doc]) -> None:
    """Schedule other prices or quantities of items for the next period."""
    schedule = state.store.find(subscription["schedule"]) or _from_subscription(
        state, {"from_subscription": subscription["id"]}
    )
    current = schedule["phases"][0]
    changed = {item["id"]: item for item in items}
    wanted = [
        {"price": item["price"]["id"], "quantity": item["quantity"], **changed.get(item["id"], {})}
        for item in subscription["items"]["data"]
    ]
    sent = [{"items": wanted, "proration_behavior": "none"}]
    later = new_phases(state, sent, current["end_date"])
    state.update(schedule, "subscription_schedule.updated", phases=[current, *later])


def release(call: Call) -> Doc:
    """POST /v1/subscription_schedules/:schedule/release. The subscription goes on."""
    schedule, state = call.target(KIND), call.state
    _check_active(schedule, "release")
    subscription = state.get(subscriptions.KIND, schedule["subscription"])
    state.update(subscription, schedule=None)
    fields = {"released_at": state.clock.now(), "released_subscription": subscription["id"], "subscription": None}
    return state.update(schedule, "subscription_schedule.released", **fields, current_phase=None, status="released")


def cancel(call: Call) -> Doc:
    """POST /v1/subscription_schedules/:schedule/cancel, with its subscription."""
    schedule, state = call.target(KIND), call.state
    _check_active(schedule, "cancel")
    subscription = state.get(subscriptions.KIND, schedule["subscription"])
    state.update(subscription, schedule=None)
    if subscription["status"] not in subscriptions.ENDED:
        subscriptions.end(state, subscription)
    changes = {"canceled_at": state.clock.now(), "current_phase": None, "status": "canceled"}
    return state.update(schedule, "subscription_schedule.canceled", **changes)


def _check_active(schedule: Doc, verb: str) -> None:
    """Raise Stripe's error for a schedule that is over: stripe/_subscription_schedule_service.py cancel, release."""
    if schedule["status"] != "active":
        message = f"You cannot {verb} a subscription schedule that is currently in the `{schedule['status']}` status."
        raise StateError(message)


EXPANDABLE = {KIND: ("customer", "phases.items.price", "subscription", "test_clock")}
ROUTES = {
    "GET /v1/subscription_schedules": Route(
        partial(list_kind, KIND, "customer"), "canceled_at completed_at customer_account released_at scheduled"
    ),
    "POST /v1/subscription_schedules": Route(
        create,
        f"{NOT_PLAYED} billing_mode customer_account phases.currency",
        {"default_settings": "default_payment_method"},
    ),
    "GET /v1/subscription_schedules/{schedule}": Route(partial(retrieve, KIND)),
    "POST /v1/subscription_schedules/{schedule}": Route(update, f"{NOT_PLAYED} default_settings"),
    "POST /v1/subscription_schedules/{schedule}/release": Route(release, "preserve_cancel_date"),
    "POST /v1/subscription_schedules/{schedule}/cancel": Route(cancel, "invoice_now prorate"),
}
