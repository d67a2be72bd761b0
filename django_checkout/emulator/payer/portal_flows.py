"""The flows of the billing portal: cancel, change the price, confirm a change, replace the card."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_checkout.emulator.api.params import Params
from django_checkout.emulator.api.resources import (
    charges,
    invoices,
    methods,
    portal,
    subscription_schedules,
    subscriptions,
)
from django_checkout.emulator.api.resources.baskets import amount_of
from django_checkout.emulator.api.resources.pricing import cost, in_currency
from django_checkout.emulator.api.resources.subscription_changes import change
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.payer.page_view import interval_text
from django_checkout.emulator.payer.rendering import format_minor
from django_checkout.emulator.reference import cards
from django_checkout.emulator.state.state import State


def is_pending(session: Doc) -> bool:
    """Return whether a session leads through a flow that is not completed."""
    return bool(session["flow"]) and not session.get("_completed")


def subscription_of(state: State, session: Doc) -> Doc | None:
    """Return the subscription of a flow, or None."""
    flow = session["flow"]
    details = flow.get(flow["type"]) or {}
    return state.store.find(details.get("subscription"), subscriptions.KIND)


def perform(state: State, session: Doc, form: dict[str, str]) -> None:
    """Complete the flow of a session. Raises ``ApiError`` with what the page says if that is not possible."""
    subscription, flow = subscription_of(state, session), session["flow"]
    with state.on_clock_of(subscription):
        if flow["type"] == "payment_method_update":
            _replace_card(state, session, form.get("card", ""))
        elif subscription is None or subscription["status"] in subscriptions.ENDED:
            raise ApiError(_("This subscription has ended."))
        elif flow["type"] == "subscription_cancel":
            cancel(state, session, subscription)
        else:
            _change(state, session, subscription, wanted_items(state, session, subscription, form))
    state.update(session, _completed=True)


def cancel(state: State, session: Doc, subscription: Doc) -> None:
    """Cancel a subscription now or at the end of its period, as the configuration says."""
    if portal.features_of(state, session)["subscription_cancel"]["mode"] == "immediately":
        subscriptions.end(state, subscription)
    elif not subscription["cancel_at_period_end"]:
        subscriptions.set_end(state, subscription, at_period_end=True)


def wanted_items(state: State, session: Doc, subscription: Doc, form: dict[str, str]) -> list[Doc]:
    """Return the items that a flow changes to: those of the shop, or the price that the customer chooses."""
    confirmed = session["flow"]["subscription_update_confirm"]
    if confirmed:
        return [{name: value for name, value in item.items() if value is not None} for item in confirmed["items"]]
    chosen = form.get("price", "")
    if chosen not in [price["id"] for price in offered(state, session)]:
        raise ApiError(_("Choose one of the prices."))
    item = subscription["items"]["data"][0]
    return [{"id": item["id"], "price": chosen, "quantity": item["quantity"]}]


def offered(state: State, session: Doc) -> list[Doc]:
    """Return the prices between which the customer can choose."""
    products = portal.features_of(state, session)["subscription_update"]["products"] or []
    return [state.get("price", price) for product in products for price in product["prices"]]


def _change(state: State, session: Doc, subscription: Doc, items: list[Doc]) -> None:
    settings = portal.features_of(state, session)["subscription_update"]
    if _is_later(state, subscription, settings, items):
        subscription_schedules.change_at_period_end(state, subscription, items)
        return
    sent = {"items": [Params(item) for item in items], "proration_behavior": settings["proration_behavior"]}
    change(state, subscription, Params(sent))


def _is_later(state: State, subscription: Doc, settings: Doc, items: list[Doc]) -> bool:
    """Return whether the configuration delays this change to the end of the period, as for a lower amount."""
    types = [condition["type"] for condition in settings["schedule_at_period_end"]["conditions"]]
    known = {item["id"]: item for item in subscription["items"]["data"]}
    currency = subscription["currency"]
    before = after = 0
    for item in items:
        old = known[item["id"]]
        before += amount_of(state, old["price"]["id"], old["quantity"], currency)
        quantity = item.get("quantity", old["quantity"])
        after += amount_of(state, item.get("price", old["price"]["id"]), quantity, currency)
    return "decreasing_item_amount" in types and after < before


def _replace_card(state: State, session: Doc, number: str) -> None:
    """Save a card, and make it the default of the customer and of the subscriptions."""
    card = cards.find_card(number)
    if card is None or card.decline:
        raise ApiError(_(card.decline.message) if card and card.decline else _("Your card number is incorrect."))
    method = charges.new_method(state, card, "card", charges.blank_billing())
    methods.attach_to_customer(state, method, session["customer"], always=True)
    customer = state.get("customer", session["customer"])
    settings = {**customer["invoice_settings"], "default_payment_method": method["id"]}
    state.update(customer, "customer.updated", invoice_settings=settings)
    for subscription in portal.subscriptions_of(state, session):
        if subscription["status"] not in subscriptions.ENDED and subscription["default_payment_method"]:
            state.update(subscription, "customer.subscription.updated", default_payment_method=method["id"])


def shown(state: State, session: Doc) -> Doc:
    """Return what the page of a flow shows."""
    flow, subscription = session["flow"], subscription_of(state, session)
    context: Doc = {"type": flow["type"], "prices": [], "due": "", "name": "", "to": ""}
    if subscription is None:
        return context
    lines = subscriptions.lines_of(state, subscription)
    context["name"] = ", ".join(line["description"] for line in lines)
    if flow["type"] == "subscription_update":
        context["prices"] = [_price(state, price, subscription["currency"]) for price in offered(state, session)]
    if flow["type"] == "subscription_update_confirm":
        with state.store.discarded(), state.on_clock_of(subscription):
            before = subscription["latest_invoice"]
            _change(state, session, subscription, wanted_items(state, session, subscription, {}))
            changed = state.get(subscriptions.KIND, subscription["id"])
            later = subscriptions.lines_of(state, changed)
            total = sum(cost(line["_pricing"], line["quantity"]) for line in later)
            interval = interval_text(later[0]["price"]["recurring"])
            context["to"] = f"{format_minor(total, subscription['currency'])} {interval}"
            if changed["latest_invoice"] != before:
                invoice = state.get(invoices.KIND, changed["latest_invoice"])
                context["due"] = format_minor(invoice["total"], invoice["currency"])
    return context


def _price(state: State, price: Doc, currency: str) -> Doc:
    product = state.store.find(price["product"]) or {"name": price["id"]}
    amount = format_minor(cost(in_currency(price, currency, "price"), 1), currency)
    text = f"{product['name']}, {amount} {interval_text(price['recurring'])}"
    return {"id": price["id"], "text": text}


def next_url(session: Doc, home: str) -> str:
    """Return where the page leads when a flow is completed."""
    after = session["flow"]["after_completion"]
    return str(after["redirect"]["return_url"]) if after["type"] == "redirect" else home
