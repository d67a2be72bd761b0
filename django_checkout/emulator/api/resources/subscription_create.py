"""Creates subscriptions over the API."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.resources import (
    baskets,
    collection,
    discounts,
    invoice_items,
    invoices,
    prorations,
    subscriptions,
)
from django_checkout.emulator.api.resources.pricing import cost, missing, one_of
from django_checkout.emulator.api.resources.session_values import check_trial_days
from django_checkout.emulator.api.resources.subscription_params import (
    BEHAVIORS,
    NOT_PLAYED,
    add_items,
    check_future,
    declined,
    new_line,
    settings_of,
)
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import State

MAX_ITEMS = 20
INCOMPLETE_SECONDS = 23 * 3600
KIND = subscriptions.KIND
#: clojurewerkz/elephant#14
NO_METHOD = (
    "This customer has no attached payment source or default payment method. Please consider adding a default payment "
    "method. For more information, visit "
    "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority."
)


def create(call: Call) -> Doc:
    """POST /v1/subscriptions."""
    if "customer" not in call.params:
        raise missing("customer")
    customer = call.state.get("customer", call.params["customer"], "customer")
    return start(call.state, customer, call.params)


def start(state: State, customer: Doc, params: Doc, *, with_draft: bool = False) -> Doc:
    """Create a subscription with its first invoice, and collect it: now, or ``with_draft`` an hour later."""
    bought = _new_lines(state, params)
    currency = bought[0]["currency"]
    subscriptions.check_currency_of(state, customer, currency)
    trial_end, anchor = _trial_end(state, params), _anchor(state, params, bought)
    fields = settings_of(state, customer, params)
    for name in ("trial_settings", "description", "metadata"):
        params.get(name)
    subscription = subscriptions.new_subscription(
        state, customer, params, bought, trial_end=trial_end, anchor=None if trial_end else anchor, **fields
    )
    discount = discounts.granted(
        state, params.get("discounts") or [], customer["id"], bought, subscription=subscription["id"]
    )
    if discount:
        subscription.update(_discount=discount, discounts=[discount["discount"]["id"]])
        discounts.redeem(state, {"_discount": discount})
    if customer["currency"] is None:
        state.update(customer, currency=currency)
    for line in bought:
        _first_amount(line, state, subscription, anchor, params.get("proration_behavior", "create_prorations"))
    add_items(state, customer, subscription, params)
    _set_cancellation(state, subscription, params)
    invoice = _first_invoice(state, customer, subscription, bought)
    if discount and discount["_coupon"]["duration"] == "once":
        subscription.update(_discount=None, discounts=[])
    state.update(subscription, "customer.subscription.created", latest_invoice=invoice["id"])
    if with_draft or subscription["collection_method"] == "send_invoice":
        collection.finalize_later(state, invoice)
        subscriptions.schedule_next(state, subscription)
    else:
        _collect_first(state, subscription, invoice, params.get("payment_behavior", "allow_incomplete"))
    return state.get(KIND, subscription["id"])


def _new_lines(state: State, params: Doc) -> list[Doc]:
    """Return the lines of a new subscription's items."""
    items = params.get("items") or []
    if not items:
        raise missing("items")
    if len(items) > MAX_ITEMS:
        raise ApiError(f"Array items exceeded maximum {MAX_ITEMS} allowed elements.", param="items")
    currency = check_currency(params["currency"], "currency") if "currency" in params else None
    bought = [new_line(state, item, f"items[{index}]", currency) for index, item in enumerate(items)]
    if len({line["currency"] for line in bought}) > 1:
        # https://docs.stripe.com/billing/subscriptions/multiple-products
        raise ApiError("All prices on a subscription must have the same currency.", param="items")
    if len({line["price"]["id"] for line in bought}) < len(bought):
        # Recorded in Kiln-AI/stripe_world 12_subscriptions.
        message = "Cannot create a Subscription with multiple Subscription Items with the same Price."
        raise ApiError(message, param="plan")
    return bought


def _trial_end(state: State, params: Doc) -> int | None:
    if "trial_end" in params and "trial_period_days" in params:
        raise one_of("trial_end", "trial_period_days")
    now = state.clock.now()
    end, days = params.get("trial_end"), params.get("trial_period_days")
    if days is not None:
        check_trial_days(days, "trial_period_days")
        end = now + days * subscriptions.DAY_SECONDS
    if end is None or end == "now" or days == 0:
        return None
    check_future(state, int(end), "trial_end")
    return int(end)


def _anchor(state: State, params: Doc, bought: list[Doc]) -> int | None:
    if "billing_cycle_anchor" not in params:
        return None
    anchor: int = params["billing_cycle_anchor"]
    check_future(state, anchor, "billing_cycle_anchor")
    latest = min(end_of_period(state.clock.now(), line["price"]["recurring"]) for line in bought)
    if anchor > latest:
        # https://docs.stripe.com/billing/subscriptions/billing-cycle
        message = "`billing_cycle_anchor` cannot be later than the next natural billing date."
        raise ApiError(message, param="billing_cycle_anchor")
    return anchor


def _first_amount(line: Doc, state: State, subscription: Doc, anchor: int | None, behavior: str) -> None:
    """Set the amount of a first period: nothing on trial, a share of it before the billing cycle's anchor."""
    if subscription["status"] == "trialing":
        line["_amount"] = 0
    elif anchor:
        full = cost(line["_pricing"], line["quantity"])
        whole = end_of_period(state.clock.now(), line["price"]["recurring"]) - state.clock.now()
        share = prorations.portion(full, anchor - state.clock.now(), whole)
        line["_amount"] = 0 if behavior == "none" else share


def _set_cancellation(state: State, subscription: Doc, params: Doc) -> None:
    if params.get("cancel_at_period_end"):
        at = subscriptions.period_end(subscription)
        subscription.update(cancel_at_period_end=True, cancel_at=at, canceled_at=state.clock.now())
    elif params.get("cancel_at"):
        check_future(state, params["cancel_at"], "cancel_at")
        subscription.update(cancel_at=params["cancel_at"], canceled_at=state.clock.now())


def _first_invoice(state: State, customer: Doc, subscription: Doc, bought: list[Doc]) -> Doc:
    for line, item in zip(bought, subscription["items"]["data"], strict=True):
        line["_item"] = item["id"]
    pending = invoice_items.pending_lines(state, customer["id"], subscription["currency"], subscription["id"])
    basket = baskets.new_basket(
        state,
        customer,
        subscription["currency"],
        [*pending, *bought],
        discount=subscription["_discount"],
        automatic_tax=subscription["automatic_tax"],
        tax_rates=subscription["default_tax_rates"],
    )
    return invoices.draft(
        state,
        basket,
        customer,
        "subscription_create",
        subscription=subscription,
        collection_method=subscription["collection_method"],
        due_date=collection.due_date(state, subscription["days_until_due"]),
    )


def _collect_first(state: State, subscription: Doc, invoice: Doc, behavior: str) -> None:
    """Collect the first invoice as ``payment_behavior`` says."""
    invoices.finalize(state, invoice)
    if not invoice["amount_due"]:
        invoices.pay(state, invoice, None)
        subscriptions.schedule_next(state, subscription)
        return
    method = collection.default_method(state, invoice, subscription)
    if method is None and behavior != "default_incomplete":
        raise ApiError(NO_METHOD, code="resource_missing")
    subscription.update(status="incomplete", _is_waiting=True)
    state.store.save(subscription)
    state.schedule("expire_incomplete", subscription["id"], state.clock.now() + INCOMPLETE_SECONDS)
    collection.intent_for(state, invoice)
    if behavior == "default_incomplete" or method is None:
        return
    refused = collection.attempt(state, invoice, method)
    if refused and behavior == "error_if_incomplete":
        raise declined(refused)


ROUTES = {
    "POST /v1/subscriptions": Route(
        create,
        f"{NOT_PLAYED} backdate_start_date billing_cycle_anchor_config billing_mode customer_account",
        BEHAVIORS,
    ),
}
