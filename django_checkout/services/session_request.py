"""Builds the request that creates a Checkout Session, and restores a stored one.

A stored request contains none of our tokens: they are removed from its URLs and restored each time it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from django_checkout.access.orders import is_owner
from django_checkout.access.tokens import Purpose, make_token, with_tokens
from django_checkout.adapters import get_adapter
from django_checkout.conf import conf
from django_checkout.exceptions import ParameterError
from django_checkout.models import CheckoutSession, Order, OrderLine
from django_checkout.models.sessions import GUEST_KEY
from django_checkout.params.build import build, fingerprint
from django_checkout.params.options import for_ui_mode
from django_checkout.params.rules import LINKS, check_modes
from django_checkout.services.consent import check_questions
from django_checkout.services.customers import find_customer_id
from django_checkout.services.links import absolute_url
from django_checkout.services.ui_modes import check_ui_mode, computes_shipping, default_ui_mode


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The arguments of ``start``, and the adapter's ``cancel_url``, or ""."""

    ui_mode: str | None
    mode: str | None
    params: Mapping[str, Any] | None
    request: HttpRequest | None
    token: str
    return_url: str = ""
    cancel_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """The request of any attempt: parameters without an attempt's ids, their hash, and the URLs to return to."""

    params: Mapping[str, Any]
    request_hash: str
    urls: Mapping[str, str]
    #: The way back, which is ours and not Stripe's; "" if the caller gives none.
    return_url: str = ""


def find_cancel_url(subject: Any) -> str:
    """Return the adapter's ``cancel_url`` for what the adapter's methods take as an order; call it without locks."""
    return get_adapter().cancel_url(subject) if subject is not None else ""


def build_request(order: Order, lines: Sequence[OrderLine], options: StartOptions) -> SessionRequest:
    """Build the request for an order; calls no method of the adapter, so it may run under the order's lock.

    Raises:
        ParameterError: a parameter or mode is not allowed.
        UiModeError: the UI mode is not allowed for this order.
    """
    requested = options.params or {}
    ui_mode, mode = options.ui_mode or default_ui_mode(order, requested), options.mode or order.mode
    check_modes(mode, ui_mode)
    if mode != order.mode:
        raise ParameterError(f"mode={mode!r}: the order was placed for {order.mode!r}; place it with OrderData(mode=).")
    check_ui_mode(order, ui_mode, requested)
    if ui_mode == "elements":
        check_questions(order, requested)
    # A link alone must not show the saved cards of the order's user.
    is_for_owner = options.request is None or is_owner(options.request, order)
    layers: list[Mapping[str, Any]] = [for_ui_mode(order.params, ui_mode), requested]
    if ui_mode == "elements" and computes_shipping(order, requested):
        layers.insert(-1, {"permissions": {"update_shipping_details": "server_only"}})
    built = build(
        order,
        lines,
        mode=mode,
        ui_mode=ui_mode,
        capture_method=conf.CHECKOUT_CAPTURE_METHOD,
        options=layers,
        defaults=conf.CHECKOUT_SESSION_DEFAULTS,
        customer_id=find_customer_id(order.user) if is_for_owner else "",
        is_guests=order.user_id is not None and not is_for_owner,
    )
    urls = _return_urls(order, ui_mode, options)
    hashed = fingerprint(built, order)
    return SessionRequest(params=built, request_hash=hashed, urls=urls, return_url=options.return_url)


def _return_urls(order: Order, ui_mode: str, options: StartOptions) -> dict[str, str]:
    path = reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)])
    # Stripe replaces the placeholder, so its braces must not be encoded.
    page_url = absolute_url(path, options.request)
    return_url = f"{page_url}?session_id={{CHECKOUT_SESSION_ID}}"
    if ui_mode != "hosted_page":
        return {"return_url": return_url}
    # Whoever came from elsewhere goes back there, not to the adapter's page.
    cancel_url = f"{page_url}?canceled=1" if options.return_url else options.cancel_url
    if not cancel_url:
        # The page sends the shopper on, if a later call of ``start`` has given a way back.
        pay_path = reverse("django_checkout:pay", args=[options.token or make_token(order, Purpose.PAY)])
        cancel_url = f"{pay_path}?canceled=1"
    if cancel_url.startswith("/"):
        cancel_url = absolute_url(cancel_url, options.request)
    return {"success_url": return_url, "cancel_url": cancel_url}


def restore_request(session: CheckoutSession) -> Any:
    """Return the stored request as it is sent: each time with the same bytes."""
    links = {name: with_tokens(url, session.order) for name, url in session.request.items() if name in LINKS}
    request = {name: value for name, value in session.request.items() if name != GUEST_KEY}
    return _sorted({**request, **links})


def _sorted(request: Any) -> Any:
    """Sort the keys at every level: a database's JSON may return them in another order."""
    if isinstance(request, Mapping):
        return {key: _sorted(request[key]) for key in sorted(request)}
    return [_sorted(item) for item in request] if isinstance(request, list) else request
