"""``{% load checkout %}``: the checkout of an order, and money, in the host's templates.

``order`` is our order or the host's own row. For a row that has not been placed, such as one older than the app, a tag
shows nothing. If the order is not unpaid or the adapter's ``can_pay`` refuses, it shows the order's status instead of a
way to pay. Scripts and style sheets have the request's CSP nonce, from Django or django-csp, if there is one.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.urls import reverse

from django_checkout import services
from django_checkout.access.orders import is_payable
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.adapters import get_adapter
from django_checkout.conf import conf
from django_checkout.csp import find_nonce
from django_checkout.models import Order, OrderLine
from django_checkout.money import format_minor
from django_checkout.params.options import effective, needs_billing_address, stays_on_page
from django_checkout.params.terms import describe_line, get_terms
from django_checkout.services import small_print
from django_checkout.services.consent import find_questions
from django_checkout.services.links import document_links
from django_checkout.services.shopper_actions import ShopperActions, find_actions
from django_checkout.states import OrderStatus

logger = logging.getLogger("django_checkout")

register = template.Library()


@register.filter
def money(minor: int | None, currency: str) -> str:
    """Format an amount in minor units in the active language; an empty string if there is no amount.

    ``{{ order.paid_minor|money:order.currency }}``
    """
    return format_minor(minor, currency) if isinstance(minor, int) and currency else ""


@register.filter
def line_price(line: OrderLine, currency: str) -> str:
    """Format the price of a line of our order, with its interval: ``{{ line|line_price:order.currency }}``."""
    return describe_line(line, currency)


@register.inclusion_tag("django_checkout/tags/button.html", takes_context=True)
def checkout_button(context: Context, order: Any, label: str = "", ui_mode: str = "hosted_page") -> dict[str, Any]:
    """Show a button to Stripe's page: ``{% checkout_button order %}``. No script and no call to Stripe."""
    values = {**_order_context(context, order), "label": label}
    # If the order cannot be paid in this mode, the button leads to the pay page, which uses another.
    return {**values, "ui_mode": ui_mode if ui_mode in values.get("ui_modes", ()) else ""}


@register.inclusion_tag("django_checkout/tags/embedded.html", takes_context=True)
def checkout_embedded(context: Context, order: Any) -> dict[str, Any]:
    """Embed Stripe's form in the page: ``{% checkout_embedded order %}``. The browser makes the one call to Stripe."""
    return {**_script_context(context, order), "ui_mode": "embedded_page"}


@register.inclusion_tag("django_checkout/tags/elements.html", takes_context=True)
def checkout_elements(context: Context, order: Any) -> dict[str, Any]:
    """Show a checkout built from Stripe's Elements: ``{% checkout_elements order %}``. The browser makes one call."""
    values = {**_script_context(context, order), "ui_mode": "elements"}
    if values["has_scripts"]:
        ours: Order = values["order"]
        adapter = get_adapter()
        values["update_url"] = reverse("django_checkout:update", args=[values["token"]])
        is_changeable = adapter.changes_quantities and bool(ours.source_id)
        values["skus"] = json.dumps([line.sku for line in values["lines"]] if is_changeable else [])
        values["computes_shipping"] = services.computes_shipping(ours)
        parameters = effective(ours.params)
        values["asks_for_shipping"] = "shipping_address_collection" in parameters
        values["asks_for_billing"] = needs_billing_address(parameters)
        values["questions"] = find_questions(ours)
        values["takes_promotion_codes"] = bool(parameters.get("allow_promotion_codes"))
    return values


@register.inclusion_tag("django_checkout/tags/status.html", takes_context=True)
def checkout_status(context: Context, order: Any) -> dict[str, Any]:
    """Show the payment status of an order: ``{% checkout_status order %}``. No script and no call to Stripe.

    One query for a pending order, which may wait for the shopper, and one to find the order of the host's own.
    """
    ours = services.find_order(order)
    is_pending = ours is not None and ours.status == OrderStatus.PENDING
    return {"order": ours, "needs_action": is_pending and services.find_next_action(ours) is not None}


@register.inclusion_tag("django_checkout/tags/next_action.html", takes_context=True)
def checkout_next_action(context: Context, order: Any) -> dict[str, Any]:
    """Show what the shopper has to do to pay, on a page for the order's owner: ``{% checkout_next_action order %}``.

    Nothing if there is nothing to do. No call to Stripe. Whoever sees the page sees the codes.
    """
    return {"next_action": services.find_next_action(order), "csp_nonce": checkout_nonce(context)}


@register.inclusion_tag("django_checkout/tags/documents.html")
def checkout_documents(order: Any) -> dict[str, Any]:
    """Link to receipt, invoice and credit note, on a page for the order's owner: ``{% checkout_documents order %}``.

    Nothing if there is none. No call to Stripe. Whoever sees the page can open the links.
    """
    ours = services.find_order(order)
    return {"documents": document_links(ours, make_token(ours, Purpose.PAY)) if ours is not None else []}


@register.inclusion_tag("django_checkout/tags/actions.html", takes_context=True)
def checkout_actions(context: Context, order: Any) -> dict[str, Any]:
    """Link to what the shopper can do now: pay, pay in another way, cancel: ``{% checkout_actions order %}``.

    No call to Stripe; each link leads to a page that asks first.
    """
    return {"actions": _find_actions(context, order), "shows_pay": True}


@register.inclusion_tag("django_checkout/tags/actions.html", takes_context=True)
def checkout_cancel(context: Context, order: Any) -> dict[str, Any]:
    """Link to the cancellation of an order that is not paid: ``{% checkout_cancel order %}``."""
    return {"actions": _find_actions(context, order), "shows_pay": False}


@register.inclusion_tag("django_checkout/tags/portal.html", takes_context=True)
def checkout_portal(context: Context, user: Any, label: str = "") -> dict[str, Any]:
    """Show a button to Stripe's Billing portal if the user is a Customer there: ``{% checkout_portal user %}``.

    A user can have several Customers, from first checkouts at the same time, and gets a button for each.
    """
    return {
        "csrf_token": context.get("csrf_token"),
        "customers": services.find_customer_ids(user),
        "portal_url": reverse("django_checkout:portal"),
        "label": label,
    }


@register.simple_tag(takes_context=True)
def checkout_nonce(context: Context) -> str:
    """Return the request's CSP nonce, or "" without one: ``{% checkout_nonce as nonce %}``."""
    return find_nonce(_request_of(context), context.get("csp_nonce"))


def _request_of(context: Context) -> HttpRequest | None:
    """Return the request that the page is rendered for, also without Django's ``request`` context processor."""
    return context.get("request") or getattr(context, "request", None)


def _find_actions(context: Context, order: Any) -> ShopperActions:
    ours = services.find_order(order)
    if ours is None:
        return ShopperActions()
    subject = None if isinstance(order, Order) else order
    return find_actions(_request_of(context), ours, make_token(ours, Purpose.PAY), subject=subject)


def _order_context(context: Context, order: Any) -> dict[str, Any]:
    ours = services.find_order(order)
    if ours is None:
        return {"order": None, "can_pay": False, "debug": conf.debug}
    token = make_token(ours, Purpose.PAY)
    # Show no button that a click would refuse.
    can_pay = is_payable(_request_of(context), ours, subject=None if isinstance(order, Order) else order)
    lines = list(ours.lines.all()) if can_pay else []
    terms = get_terms(ours, lines)
    return {
        "csrf_token": context.get("csrf_token"),
        "order": ours,
        "token": token,
        "can_pay": can_pay,
        "ui_modes": services.ui_modes(ours),
        "lines": lines,
        "terms": terms,
        "small_print": small_print.get_small_print(ours, terms, lines) if can_pay else None,
        "start_url": reverse("django_checkout:start", args=[token]),
    }


def _script_context(context: Context, order: Any) -> dict[str, Any]:
    values = _order_context(context, order)
    if not values["can_pay"]:
        return {**values, "has_scripts": False}
    if problem := conf.script_problem:
        logger.error("checkout_form_replaced_by_button order=%s reason=%s", values["order"].reference, problem)
        return {**values, "has_scripts": False, "script_problem": problem if conf.debug else ""}
    status_token = make_token(values["order"], Purpose.STATUS)
    return {
        **values,
        "has_scripts": True,
        "stays": stays_on_page(effective(values["order"].params)),
        "return_url": reverse("django_checkout:return", args=[status_token]),
        "status_url": reverse("django_checkout:status", args=[status_token]),
        "publishable_key": conf.STRIPE_PUBLISHABLE_KEY,
        "stripe_js_url": conf.STRIPE_JS_URL,
        "csrf_header": conf.csrf_header,
        "nonce": checkout_nonce(context),
    }
