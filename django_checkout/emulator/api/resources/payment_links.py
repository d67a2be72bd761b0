"""Payment links: pages that open a Checkout Session for everyone who visits them.

https://docs.stripe.com/api/payment-link and https://docs.stripe.com/payment-links/customize
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django_checkout.emulator.api.calls import Call, Route, list_kind, list_values, merged_metadata, retrieve
from django_checkout.emulator.api.params import defer, plain
from django_checkout.emulator.api.resources import lines
from django_checkout.emulator.api.resources.pricing import inside, missing
from django_checkout.emulator.api.resources.session_object import check_methods, defaults
from django_checkout.emulator.api.resources.session_rules import HOSTED, check_session
from django_checkout.emulator.api.resources.session_values import check_trial, invalid_integer
from django_checkout.emulator.api.resources.sessions import new_session, page_url
from django_checkout.emulator.api.resources.shipping import offered
from django_checkout.emulator.ids import new_id, random_text
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.cards import PLAYED_TYPES
from django_checkout.emulator.reference.currencies import check_currency
from django_checkout.emulator.state.state import State

KIND = "payment_link"
#: Line items and optional items together: ``stripe/params/_payment_link_create_params.py``.
MAX_ITEMS = 20
#: The URLs of sessions whose link does not redirect, as in Stripe's events.
OWN_PAGE = "https://stripe.com"
#: Parameters that the link's sessions have as well.
SHARED = (
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "consent_collection",
    "currency",
    "custom_fields",
    "custom_text",
    "invoice_creation",
    "metadata",
    "name_collection",
    "optional_items",
    "payment_intent_data",
    "payment_method_types",
    "phone_number_collection",
    "shipping_address_collection",
    "shipping_options",
    "submit_type",
    "subscription_data",
    "tax_id_collection",
)
#: Fields that are those of a session.
_DESCRIBED = (
    "consent_collection custom_text invoice_creation managed_payments metadata optional_items phone_number_collection "
    "shipping_address_collection tax_id_collection"
)
DESCRIBED = tuple(_DESCRIBED.split())
_INTENT_DATA = (
    "capture_method description setup_future_usage statement_descriptor statement_descriptor_suffix transfer_group"
)
INTENT_DATA = tuple(_INTENT_DATA.split())


def create(call: Call) -> Doc:
    """POST /v1/payment_links."""
    state, sent = call.state, _read(call)
    currency = check_currency(sent["currency"], "currency") if "currency" in sent else None
    items = [
        lines.new_line(state, line, f"line_items[{index}]", currency) for index, line in enumerate(sent["line_items"])
    ]
    for item, line in zip(items, sent["line_items"], strict=True):
        item["_is_inline"] = "price_data" in line
    mode = "subscription" if any(item["price"]["type"] == "recurring" for item in items) else "payment"
    lines.check_lines(items, mode)
    code = f"test_{random_text(18)}"
    link = state.new(
        KIND,
        "application application_fee_amount application_fee_percent on_behalf_of transfer_data",
        active=True,
        url=f"{page_url(state, call.base_url)}/buy/{code}",
        currency=items[0]["currency"],
        _code=code,
        _mode=mode,
        _lines=items,
    )
    link["_created"] = link.pop("created")
    _set(state, link, sent)
    state.store.insert(link)
    state.emit("payment_link.created", link)
    return link


def update(call: Call) -> Doc:
    """POST /v1/payment_links/:payment_link. Line items keep their prices: only their quantities change."""
    state, link, sent = call.state, call.target(KIND), _read(call)
    before = {**link}
    params = {name: value for name, value in {**link["_params"], **sent}.items() if value != ""}
    params["metadata"] = merged_metadata(link["metadata"], sent.get("metadata"))
    items = {line["id"]: line for line in link["_lines"]}
    for index, change in enumerate(sent.get("line_items", ())):
        param = f"line_items[{index}]"
        if change["id"] not in items:
            message = f"No such line item: '{change['id']}'"
            raise ApiError(message, code="resource_missing", param=inside(param, "id"))
        line = {**items[change["id"]]}
        if "adjustable_quantity" in change:
            line["adjustable_quantity"] = lines.adjustable(change["adjustable_quantity"])
        items[line["id"]] = lines.set_quantity(line, change.get("quantity", line["quantity"]), param)
    link.update(_lines=list(items.values()), active=sent.get("active", link["active"]))
    _set(state, link, params)
    changed = {name: value for name, value in link.items() if before.get(name) != value}
    return state.update(before, "payment_link.updated", **changed)


def list_line_items(call: Call) -> Doc:
    """GET /v1/payment_links/:payment_link/line_items."""
    return list_values(call, call.target(KIND)["_lines"])


def open_session(state: State, link: Doc, base_url: str, **chosen: object) -> Doc:
    """Create the session of a visitor. ``chosen`` are parameters that the visitor's URL adds."""
    for line in link["_lines"]:
        if not line["_is_inline"]:
            lines.bought_price(state, line["price"]["id"], "line_items")
    items = [{**line, "id": new_id("item")} for line in link["_lines"]]
    return new_session(
        state,
        {**_session_params(link), "locale": "auto", **chosen},
        base_url,
        items=items,
        payment_link=link["id"],
        customer_creation=link["customer_creation"],
        _confirmation=link["after_completion"].get("hosted_confirmation"),
    )


def count(state: State, session: Doc) -> None:
    """Count a completed session, and deactivate its link if it has reached its limit."""
    link = state.store.find(session["payment_link"], KIND)
    if link is None or not link["restrictions"]:
        return
    limit, done = link["restrictions"]["completed_sessions"]["limit"], _completed(link) + 1
    changes: Doc = {"restrictions": {"completed_sessions": {"count": done, "limit": limit}}}
    state.update(link, "payment_link.updated", **changes, active=link["active"] and done < limit)


def _read(call: Call) -> Doc:
    """Return the parameters, which are all stored for the link's sessions."""
    params = call.params
    sent = {name: params[name] for name in params if name != "expand"}
    defer(sent, *sent)
    return {name: _without_empty(plain(value)) for name, value in sent.items()}


def _without_empty(value: Any) -> Any:
    """Return a parameter without the members that an empty text unsets."""
    if isinstance(value, dict):
        return {name: _without_empty(member) for name, member in value.items() if member != ""}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _completed(link: Doc) -> int:
    return int((link.get("restrictions") or {"completed_sessions": {"count": 0}})["completed_sessions"]["count"])


def _set(state: State, link: Doc, sent: Doc) -> None:
    """Set the fields of a link that its parameters decide. Raises ``ApiError`` for what its sessions would refuse."""
    limit = sent.get("restrictions", {}).get("completed_sessions", {}).get("limit")
    if limit is not None and limit < 1:
        raise invalid_integer("Invalid positive integer", "restrictions[completed_sessions][limit]")
    if len(link["_lines"]) + len(sent.get("optional_items", ())) > MAX_ITEMS:
        raise ApiError(f"Array line_items exceeded maximum {MAX_ITEMS} allowed elements.", param="line_items")
    for index, item in enumerate(sent.get("optional_items", ())):
        lines.bought_price(state, item["price"], f"optional_items[{index}][price]")
    link["_params"] = {name: value for name, value in sent.items() if name not in ("line_items", "active")}
    params = _session_params(link)
    link["after_completion"] = _after_completion(sent.get("after_completion"))
    quantities = [{"adjustable_quantity": line["adjustable_quantity"] or {}} for line in link["_lines"]]
    check_session({**params, "line_items": quantities})
    check_trial(params, state.clock)
    check_methods(sent.get("payment_method_types") or [], link["currency"])
    for line in link["_lines"]:
        lines.set_subtotal(line)
        line["amount_total"] = line["amount_subtotal"]
    # In payment mode, so that ``invoice_creation`` is described.
    shown = defaults({**params, "mode": "payment"}, "payment", HOSTED)
    link.update({name: shown[name] for name in DESCRIBED})
    link.update(
        allow_promotion_codes=sent.get("allow_promotion_codes", False),
        automatic_tax={name: shown["automatic_tax"][name] for name in ("enabled", "liability")},
        billing_address_collection=sent.get("billing_address_collection", "auto"),
        custom_fields=[_field(field) for field in shown["custom_fields"]],
        customer_creation=sent.get("customer_creation", "if_required"),
        inactive_message=sent.get("inactive_message"),
        payment_intent_data=_intent_data(sent.get("payment_intent_data")),
        payment_method_collection=sent.get("payment_method_collection", "always"),
        payment_method_options=None,
        payment_method_types=sent.get("payment_method_types"),
        restrictions={"completed_sessions": {"count": _completed(link), "limit": limit}} if limit else None,
        shipping_options=offered(state, sent.get("shipping_options", []), link["currency"]),
        submit_type=sent.get("submit_type", "auto"),
        subscription_data=_subscription_data(link, sent.get("subscription_data", {})),
    )
    if "name_collection" in sent:
        kinds = sent["name_collection"]
        link["name_collection"] = {kind: {"optional": False, **value} for kind, value in kinds.items()}


def _session_params(link: Doc) -> Doc:
    """Return the parameters of the link's sessions, without line items."""
    sent = link["_params"]
    params = {name: sent[name] for name in SHARED if name in sent}
    if "payment_method_collection" in sent:
        params["payment_method_collection"] = sent["payment_method_collection"]
    redirect = sent.get("after_completion", {}).get("redirect", {})
    urls = {"success_url": redirect.get("url", OWN_PAGE), "cancel_url": OWN_PAGE}
    return {"submit_type": "auto", **params, **urls, "mode": link["_mode"]}


def _after_completion(params: Doc | None) -> Doc:
    kind = params["type"] if params else "hosted_confirmation"
    if kind == "redirect":
        if not params or "redirect" not in params:
            raise missing("after_completion[redirect]")
        return {"type": kind, "redirect": params["redirect"]}
    return {"type": kind, kind: {"custom_message": None, **((params or {}).get(kind) or {})}}


def _field(field: Doc) -> Doc:
    """Return a custom field without the answer of a session."""
    answers = {name: value for name, value in field[field["type"]].items() if name != "value"}
    return {**field, field["type"]: answers}


def _intent_data(params: Doc | None) -> Doc | None:
    return {**dict.fromkeys(INTENT_DATA), "metadata": {}, **params} if params else None


def _subscription_data(link: Doc, params: Doc) -> Doc | None:
    if link["_mode"] != "subscription":
        return None
    names = ("description", "trial_period_days", "trial_settings")
    issuer = {"issuer": {"type": "self"}}
    return {**dict.fromkeys(names), "invoice_settings": issuer, "metadata": {}, **params}


EXPANDABLE = {KIND: ("line_items", "shipping_options.shipping_rate")}
_NOT_PLAYED = (
    "application_fee_amount application_fee_percent automatic_tax.liability "
    "invoice_creation.invoice_data.account_tax_ids invoice_creation.invoice_data.issuer "
    "invoice_creation.invoice_data.rendering_options on_behalf_of payment_method_options "
    "subscription_data.invoice_settings transfer_data"
)
#: Bank transfers need a customer when the session is created, which a link does not have.
_ONLY = {"payment_method_types": " ".join(name for name in PLAYED_TYPES if name != "customer_balance")}
ROUTES = {
    "GET /v1/payment_links": Route(partial(list_kind, KIND, "active")),
    "POST /v1/payment_links": Route(create, f"managed_payments {_NOT_PLAYED}", _ONLY),
    "GET /v1/payment_links/{payment_link}": Route(partial(retrieve, KIND)),
    "POST /v1/payment_links/{payment_link}": Route(update, _NOT_PLAYED, _ONLY),
    "GET /v1/payment_links/{payment_link}/line_items": Route(list_line_items),
}
