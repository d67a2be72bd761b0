"""Quotes, which become an invoice or a subscription: https://docs.stripe.com/quotes/overview."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, list_values, merged_metadata, retrieve
from django_checkout.emulator.api.params import Params
from django_checkout.emulator.api.resources import baskets, collection, invoices, lines, subscription_create, tax_rates
from django_checkout.emulator.api.resources.subscription_params import check_future
from django_checkout.emulator.messages import ApiError, Doc, StateError, not_implemented
from django_checkout.emulator.state.state import State

KIND = "quote"
#: The default of the quote template.
LIFE_SECONDS = 30 * 24 * 3600
#: What an open quote still takes, as its page says, and its metadata.
AFTER = {"expand", "expires_at", "metadata"}
#: Fields of a new object that are null.
NULLS = (
    "application application_fee_amount application_fee_percent customer_account from_quote invoice number "
    "on_behalf_of subscription subscription_schedule transfer_data"
)
TEXTS = ("description", "footer", "header")
#: Who a quote is priced for until it has a customer.
NOBODY = {"id": None, "address": None, "tax_exempt": "none", "test_clock": None}


def create(call: Call) -> Doc:
    """POST /v1/quotes."""
    state, params = call.state, call.params
    now = state.clock.now()
    customer = state.get("customer", params["customer"], "customer") if "customer" in params else NOBODY
    quote = state.new(
        KIND,
        NULLS,
        **{name: params.get(name) or None for name in TEXTS},
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        collection_method=params.get("collection_method", "charge_automatically"),
        customer=customer["id"],
        default_tax_rates=[],
        discounts=[],
        expires_at=now + LIFE_SECONDS,
        invoice_settings={
            **dict.fromkeys(("custom_fields", "days_until_due", "description", "footer")),
            "issuer": {"type": "self"},
        },
        metadata=merged_metadata({}, params.get("metadata", {})),
        status="draft",
        status_transitions=dict.fromkeys(("accepted_at", "canceled_at", "finalized_at")),
        subscription_data={
            **dict.fromkeys(("description", "effective_date", "metadata", "trial_period_days")),
            "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        },
        test_clock=customer["test_clock"],
        _default_tax_rates=[],
        _lines=[],
    )
    _set(state, quote, params)
    state.store.insert(quote)
    state.emit("quote.created", quote)
    state.schedule("expire_quote", quote["id"], quote["expires_at"])
    return quote


def _set(state: State, quote: Doc, params: Doc) -> None:
    """Set what a new quote and an update have in common, and all amounts. The caller saves the quote."""
    if "expires_at" in params:
        check_future(state, params["expires_at"], "expires_at")
        quote["expires_at"] = params["expires_at"]
    if "invoice_settings" in params:
        quote["invoice_settings"] = {**quote["invoice_settings"], **params["invoice_settings"]}
    if "subscription_data" in params:
        quote["subscription_data"] = {**quote["subscription_data"], **params["subscription_data"]}
    if "default_tax_rates" in params:
        rates = tax_rates.usable_rates(state, params["default_tax_rates"] or [], "default_tax_rates")
        quote.update(_default_tax_rates=rates, default_tax_rates=[rate["id"] for rate in rates])
    if "line_items" in params:
        quote["_lines"] = [
            lines.new_line(state, {"quantity": 1, **item}, f"line_items[{index}]")
            for index, item in enumerate(params["line_items"])
        ]
        if len({line["currency"] for line in quote["_lines"]}) > 1:
            raise ApiError("All line items must have the same currency.", param="line_items")
    _set_amounts(state, quote)


def _set_amounts(state: State, quote: Doc) -> None:
    items = quote["_lines"]
    quote["currency"] = items[0]["currency"] if items else None
    customer = state.store.find(quote["customer"]) or NOBODY
    baskets.new_basket(state, customer, quote["currency"], items, tax_rates=quote["_default_tax_rates"])
    upfront, repeated = _totals(items), [line for line in items if line["price"]["recurring"]]
    recurring = None
    if repeated:
        terms = [line["price"]["recurring"] for line in repeated]
        intervals = {(term["interval"], term["interval_count"]) for term in terms}
        if len(intervals) > 1:
            raise not_implemented("a quote of prices with different intervals", "line_items")
        recurring = {**_totals(repeated), **dict(zip(("interval", "interval_count"), intervals.pop(), strict=True))}
    quote.update(upfront, computed={"recurring": recurring, "upfront": upfront})


def _totals(items: list[Doc]) -> Doc:
    amounts = {name: lines.total(items, name) for name in ("amount_subtotal", "amount_total")}
    parts = {name: lines.total(items, name) for name in ("amount_discount", "amount_tax")}
    return {**amounts, "total_details": {**parts, "amount_shipping": 0}}


def update(call: Call) -> Doc:
    """POST /v1/quotes/:quote."""
    state, quote, params = call.state, call.target(KIND), call.params
    _check(quote, "update", "draft", "open")
    if quote["status"] == "open" and (late := sorted(params.keys() - AFTER)):
        raise StateError(f"You cannot update `{late[0]}` of a quote that is finalized.", param=late[0])
    if params.get("customer", quote["customer"]) != quote["customer"]:
        if quote["customer"]:
            # stripe/params/_quote_update_params.py customer: once specified, it cannot be changed.
            raise ApiError("The customer of a quote cannot be changed.", param="customer")
        customer = state.get("customer", params["customer"], "customer")
        quote.update(customer=customer["id"], test_clock=customer["test_clock"])
    quote.update(call.changes(quote, "collection_method", *TEXTS))
    _set(state, quote, params)
    state.schedule("expire_quote", quote["id"], quote["expires_at"])
    return state.store.save(quote)


def finalize(call: Call) -> Doc:
    """POST /v1/quotes/:quote/finalize. The number is that of the customer's quote and of its revision."""
    state, quote = call.state, call.target(KIND)
    _check(quote, "finalize", "draft")
    if not quote["customer"]:
        # stripe/params/_quote_create_params.py customer
        raise ApiError("A customer is required before finalizing the quote.", param="customer")
    if not quote["_lines"]:
        raise ApiError("A quote needs line items before it is finalized.", param="line_items")
    if "expires_at" in call.params:
        check_future(state, call.params["expires_at"], "expires_at")
        quote["expires_at"] = call.params["expires_at"]
        state.schedule("expire_quote", quote["id"], quote["expires_at"])
    numbered = [one for one in state.store.select(KIND, {"customer": quote["customer"]}) if one["number"]]
    prefix = state.get("customer", quote["customer"])["invoice_prefix"]
    number = f"QT-{prefix}-{len(numbered) + 1:04}-1"
    return _enter(state, quote, "open", "finalized", number=number)


def accept(call: Call) -> Doc:
    """POST /v1/quotes/:quote/accept. Recurring prices make it a subscription, others an invoice."""
    state, quote = call.state, call.target(KIND)
    _check(quote, "accept", "open")
    customer = state.get("customer", quote["customer"], "customer")
    if quote["computed"]["recurring"]:
        subscription = _subscribe(state, quote, customer)
        made = {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
    else:
        made = {"invoice": _bill(state, quote, customer)["id"]}
    return _enter(state, quote, "accepted", "accepted", **made)


def _subscribe(state: State, quote: Doc, customer: Doc) -> Doc:
    """Create the subscription of an accepted quote, whose first invoice begins as a draft."""
    items: dict[bool, list[Doc]] = {True: [], False: []}
    for line in quote["_lines"]:
        rates = [rate["id"] for rate in line["_tax_rates"]]
        sent = {"price": line["price"]["id"], "quantity": line["quantity"], "tax_rates": rates}
        items[bool(line["price"]["recurring"])].append(sent)
    asked: Doc = {
        "items": items[True],
        "add_invoice_items": items[False],
        "collection_method": quote["collection_method"],
        "default_tax_rates": quote["default_tax_rates"],
        "description": quote["subscription_data"]["description"],
        "metadata": quote["subscription_data"]["metadata"] or {},
    }
    if quote["collection_method"] == "send_invoice":
        asked["days_until_due"] = quote["invoice_settings"]["days_until_due"]
    return subscription_create.start(state, customer, Params(asked), with_draft=True)


def _bill(state: State, quote: Doc, customer: Doc) -> Doc:
    """Create the invoice of an accepted quote, a draft: https://docs.stripe.com/no-code/quotes."""
    items = [{**line} for line in quote["_lines"]]
    basket = baskets.new_basket(state, customer, quote["currency"], items, tax_rates=quote["_default_tax_rates"])
    return invoices.draft(
        state,
        basket,
        customer,
        "quote_accept",
        auto_advance=False,
        collection_method=quote["collection_method"],
        due_date=collection.due_date(state, quote["invoice_settings"]["days_until_due"]),
        parent={"type": "quote_details", "quote_details": {"quote": quote["id"]}, "subscription_details": None},
    )


def cancel(call: Call) -> Doc:
    """POST /v1/quotes/:quote/cancel."""
    quote = call.target(KIND)
    _check(quote, "cancel", "draft", "open")
    return _enter(call.state, quote, "canceled", "canceled")


def expire_due(state: State, quote: Doc) -> None:
    """Cancel a quote that has expired."""
    if quote["status"] in ("draft", "open") and quote["expires_at"] <= state.clock.now():
        _enter(state, quote, "canceled", "canceled")


def _enter(state: State, quote: Doc, status: str, event: str, **changes: object) -> Doc:
    """Set the status and when it began, and emit the event."""
    transitions = {**quote["status_transitions"], f"{event}_at": state.clock.now()}
    return state.update(quote, f"quote.{event}", status=status, status_transitions=transitions, **changes)


def _check(quote: Doc, verb: str, *statuses: str) -> None:
    """Raise an error for a quote whose status does not allow an action: https://docs.stripe.com/quotes/overview."""
    if quote["status"] not in statuses:
        raise StateError(f"You cannot {verb} a quote with the status `{quote['status']}`.")


def list_line_items(call: Call) -> Doc:
    """GET /v1/quotes/:quote/line_items."""
    return list_values(call, call.target(KIND)["_lines"])


def list_upfront(call: Call) -> Doc:
    """GET /v1/quotes/:quote/computed_upfront_line_items. Without trials, all of them are charged at once."""
    return list_line_items(call)


NOT_PLAYED = (
    "application_fee_amount application_fee_percent automatic_tax customer_account discounts line_items.discounts "
    "line_items.price_data on_behalf_of subscription_data.effective_date subscription_data.trial_period_days "
    "transfer_data"
)
SETTINGS = {"invoice_settings": "days_until_due"}
EXPANDABLE = {KIND: ("customer", "default_tax_rates", "invoice", "line_items", "subscription", "test_clock")}
ROUTES = {
    "GET /v1/quotes": Route(partial(list_kind, KIND, "customer status test_clock"), "customer_account"),
    "POST /v1/quotes": Route(create, f"{NOT_PLAYED} from_quote subscription_data.billing_mode test_clock", SETTINGS),
    "GET /v1/quotes/{quote}": Route(partial(retrieve, KIND)),
    "POST /v1/quotes/{quote}": Route(update, f"{NOT_PLAYED} line_items.id", SETTINGS),
    "POST /v1/quotes/{quote}/accept": Route(accept),
    "POST /v1/quotes/{quote}/cancel": Route(cancel),
    "POST /v1/quotes/{quote}/finalize": Route(finalize),
    "GET /v1/quotes/{quote}/line_items": Route(list_line_items),
    "GET /v1/quotes/{quote}/computed_upfront_line_items": Route(list_upfront),
}
