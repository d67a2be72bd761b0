"""The parameters that new and existing subscriptions have in common: prices, settings, added invoice items."""

from __future__ import annotations

from django_checkout.emulator.api.resources import baskets, invoice_items, lines, tax_rates
from django_checkout.emulator.api.resources.methods import own_method
from django_checkout.emulator.api.resources.pricing import cost, in_currency, inside, missing
from django_checkout.emulator.messages import ApiError, Doc, not_implemented, without_hidden
from django_checkout.emulator.reference import cards
from django_checkout.emulator.state.state import State

NOT_PLAYED = (
    "application_fee_percent automatic_tax.liability billing_schedules billing_thresholds default_source "
    "discounts.discount invoice_settings items.billing_thresholds items.discounts on_behalf_of "
    "payment_settings.payment_method_options pending_invoice_item_interval transfer_data trial_from_plan "
    "add_invoice_items.discounts add_invoice_items.discountable add_invoice_items.period add_invoice_items.metadata"
)
BEHAVIORS = {"payment_behavior": "allow_incomplete default_incomplete error_if_incomplete"}


def new_line(state: State, params: Doc, param: str, currency: str | None = None) -> Doc:
    """Return the line of a subscription item: a recurring price and a quantity."""
    price = lines.find_price(state, params, param)
    if price is None:
        raise missing(inside(param, "price"))
    if price["type"] != "recurring":
        # https://docs.stripe.com/api/subscriptions/create#create_subscription-items-price
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
        )
        raise ApiError(message, param=inside(param, "price"))
    quantity = params.get("quantity", 1)
    if quantity < 0:
        raise ApiError("Invalid non-negative integer", param=inside(param, "quantity"))
    rates = tax_rates.usable_rates(state, params.get("tax_rates") or [], inside(param, "tax_rates"))
    own = {"_tax_rates": rates, "_item_metadata": dict(params.get("metadata") or {})}
    return baskets.line_of_price(state, price, quantity, currency or price["currency"], **own)


def anchor_of(params: Doc) -> str | None:
    """Return what becomes of the billing cycle: ``now``, ``unchanged`` or None. Endive has an object with this type."""
    anchor = params.get("billing_cycle_anchor")
    kind: str | None = anchor["type"] if isinstance(anchor, dict) else anchor
    return kind


def check_future(state: State, at: int | str, param: str) -> None:
    """Raise Stripe's error unless a time is in the future, and the emulator's own for the name of a time."""
    if isinstance(at, str):
        raise not_implemented(f"the value {at} of {param}", param)
    if at <= state.clock.now():
        raise ApiError(f"Invalid timestamp: `{param}` must be an integer Unix timestamp in the future.", param=param)


def settings_of(state: State, customer: Doc, params: Doc) -> Doc:
    """Return the settings of a subscription that parameters of a new one and of an update set alike."""
    fields: Doc = {}
    if params.get("default_payment_method"):
        fields["default_payment_method"] = own_method(state, customer["id"], params["default_payment_method"])
    method = params.get("collection_method")
    if method is not None:
        fields["collection_method"] = method
    days = params.get("days_until_due")
    if method == "send_invoice" and days is None:
        # https://docs.stripe.com/api/subscriptions/create#create_subscription-days_until_due
        raise missing("days_until_due")
    if days is not None:
        if method == "charge_automatically" or (method is None and "items" in params and "customer" in params):
            message = "You can only set `days_until_due` if `collection_method` is `send_invoice`."
            raise ApiError(message, param="days_until_due")
        fields["days_until_due"] = days
    if "default_tax_rates" in params:
        rates = tax_rates.usable_rates(state, params["default_tax_rates"] or [], "default_tax_rates")
        fields["default_tax_rates"] = [without_hidden(rate) for rate in rates]
    if "automatic_tax" in params:
        enabled = params["automatic_tax"]["enabled"]
        liability = {"type": "self"} if enabled else None
        fields["automatic_tax"] = {"disabled_reason": None, "enabled": enabled, "liability": liability}
    if "payment_settings" in params:
        sent = params["payment_settings"]
        fields["payment_settings"] = {
            "payment_method_options": None,
            "payment_method_types": sent.get("payment_method_types") or None,
            "save_default_payment_method": sent.get("save_default_payment_method", "off"),
        }
    params.get("off_session")
    return fields


def add_items(state: State, customer: Doc, subscription: Doc, params: Doc) -> None:
    """Create the pending invoice items of ``add_invoice_items``."""
    for index, item in enumerate(params.get("add_invoice_items") or []):
        line = lines.new_line(state, {"quantity": 1, **item}, f"add_invoice_items[{index}]", subscription["currency"])
        price = state.get("price", line["price"]["id"])
        invoice_items.new_item(
            state,
            customer,
            subscription["currency"],
            cost(in_currency(price, subscription["currency"], "price"), line["quantity"]),
            price,
            description=line["description"],
            parent={"type": "subscription_details", "subscription_details": {"subscription": subscription["id"]}},
            quantity=line["quantity"],
            tax_rates=[without_hidden(rate) for rate in line["_tax_rates"]],
        )


def declined(refused: cards.Decline) -> ApiError:
    """Return the API's response to a refused card that undoes the request."""
    return ApiError(refused.message, status=402, kind="card_error", code=refused.code)
