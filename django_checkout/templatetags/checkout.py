"""``{% load checkout %}``: the checkout of an order, and money, in the host's templates.

``order`` is ours or the host's own row. A tag shows nothing for one that was never placed, such as an order older than
the app, and no way to pay where the order or the adapter's ``can_pay`` refuses. The button alone loads no script.
Scripts and style sheets carry the request's CSP nonce, Django's own or django-csp's, where there is one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.urls import reverse

from django_checkout import services
from django_checkout.adapters import get_adapter, get_subject, is_deleted
from django_checkout.conf import conf
from django_checkout.csp import find_nonce
from django_checkout.models import Order, OrderLine
from django_checkout.money import format_minor
from django_checkout.states import OrderStatus
from django_checkout.terms import describe_line, get_terms
from django_checkout.tokens import Purpose, make_token

logger = logging.getLogger("django_checkout")

register = template.Library()


@register.filter
def money(minor: int | None, currency: str) -> str:
    """Return minor units as text in the active language, nothing where there is no amount.

    ``{{ order.paid_minor|money:order.currency }}``
    """
    return format_minor(minor, currency) if isinstance(minor, int) and currency else ""


@register.filter
def line_price(line: OrderLine, currency: str) -> str:
    """Return the price of one of our order's lines, with its interval: ``{{ line|line_price:order.currency }}``."""
    return describe_line(line, currency)


@register.inclusion_tag("django_checkout/tags/button.html", takes_context=True)
def checkout_button(context: Context, order: Any, label: str = "", ui_mode: str = "hosted_page") -> dict[str, Any]:
    """Show a button that leads to Stripe's page: ``{% checkout_button order %}``. No script, no call to Stripe."""
    shown = {**_order_context(context, order), "label": label}
    # Where the order may not be paid so, the pay page has another way.
    return {**shown, "ui_mode": ui_mode if ui_mode in shown.get("ui_modes", ()) else ""}


@register.inclusion_tag("django_checkout/tags/embedded.html", takes_context=True)
def checkout_embedded(context: Context, order: Any) -> dict[str, Any]:
    """Show Stripe's form within the page: ``{% checkout_embedded order %}``. One call to Stripe, by the browser."""
    return {**_script_context(context, order), "ui_mode": "embedded_page"}


@register.inclusion_tag("django_checkout/tags/elements.html", takes_context=True)
def checkout_elements(context: Context, order: Any) -> dict[str, Any]:
    """Show a checkout page made of Stripe's Elements: ``{% checkout_elements order %}``. One call, by the browser."""
    shown = {**_script_context(context, order), "ui_mode": "elements"}
    if shown["has_scripts"]:
        ours: Order = shown["order"]
        adapter = get_adapter()
        shown["update_url"] = reverse("django_checkout:update", args=[shown["token"]])
        is_changeable = adapter.changes_quantities and bool(ours.source_id)
        shown["skus"] = json.dumps([line.sku for line in shown["lines"]] if is_changeable else [])
        shown["computes_shipping"] = services.computes_shipping(ours)
        asked = {**conf.CHECKOUT_SESSION_DEFAULTS, **ours.params}
        shown["asks_for_shipping"] = "shipping_address_collection" in asked
        shown["asks_for_billing"] = _needs_billing_address(asked)
        shown["takes_promotion_codes"] = bool(asked.get("allow_promotion_codes"))
    return shown


@register.inclusion_tag("django_checkout/tags/status.html", takes_context=True)
def checkout_status(context: Context, order: Any) -> dict[str, Any]:
    """Say how an order's payment stands: ``{% checkout_status order %}``. No script, no call to Stripe."""
    return {"order": services.find_order(order)}


@register.inclusion_tag("django_checkout/tags/portal.html", takes_context=True)
def checkout_portal(context: Context, user: Any, label: str = "") -> dict[str, Any]:
    """Show a button to Stripe's Billing portal, if the user has anything there: ``{% checkout_portal user %}``.

    A user with several Customers, from first checkouts made at once, gets a button for each.
    """
    return {
        "csrf_token": context.get("csrf_token"),
        "customers": services.find_customer_ids(user),
        "portal_url": reverse("django_checkout:portal"),
        "label": label,
    }


@register.simple_tag(takes_context=True)
def checkout_nonce(context: Context) -> str:
    """Return the request's CSP nonce, "" where there is none: ``{% checkout_nonce as nonce %}``."""
    return find_nonce(_request_of(context), context.get("csp_nonce"))


def _request_of(context: Context) -> HttpRequest | None:
    """Return the request that a page answers, with or without Django's context processor for it."""
    return context.get("request") or getattr(context, "request", None)


def _needs_billing_address(asked: Mapping[str, Any]) -> bool:
    """Whether more of the billing address is needed than the Payment Element asks for by itself."""
    if asked.get("billing_address_collection") == "required":
        return True
    is_taxed = bool(asked.get("automatic_tax", {}).get("enabled"))
    return is_taxed and "shipping_address_collection" not in asked


def _order_context(context: Context, order: Any) -> dict[str, Any]:
    ours = services.find_order(order)
    if ours is None:
        return {"order": None, "can_pay": False, "debug": conf.debug}
    token = make_token(ours, Purpose.PAY)
    can_pay = ours.status == OrderStatus.UNPAID and _is_admitted(context, ours, order)
    lines = list(ours.lines.all()) if can_pay else []
    return {
        "csrf_token": context.get("csrf_token"),
        "order": ours,
        "token": token,
        "can_pay": can_pay,
        "ui_modes": services.ui_modes(ours),
        "lines": lines,
        "terms": get_terms(ours, lines),
        "start_url": reverse("django_checkout:start", args=[token]),
    }


def _is_admitted(context: Context, ours: Order, order: Any) -> bool:
    """Whether the host lets this request pay, so that nothing is offered that a click would refuse."""
    if isinstance(order, Order) and is_deleted(ours):
        return False
    subject = get_subject(ours) if isinstance(order, Order) else order
    request = _request_of(context)
    return request is None or get_adapter().can_pay(request, subject)


def _script_context(context: Context, order: Any) -> dict[str, Any]:
    shown = _order_context(context, order)
    if not shown["can_pay"]:
        return {**shown, "has_scripts": False}
    if problem := conf.script_problem:
        logger.error("checkout_form_replaced_by_button order=%s reason=%s", shown["order"].reference, problem)
        return {**shown, "has_scripts": False, "script_problem": problem if conf.debug else ""}
    status_token = make_token(shown["order"], Purpose.STATUS)
    return {
        **shown,
        "has_scripts": True,
        "return_url": reverse("django_checkout:return", args=[status_token]),
        "status_url": reverse("django_checkout:status", args=[status_token]),
        "publishable_key": conf.STRIPE_PUBLISHABLE_KEY,
        "stripe_js_url": conf.STRIPE_JS_URL,
        "csrf_header": conf.csrf_header,
        "nonce": checkout_nonce(context),
    }
