"""The shop's mails."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from django_checkout import services
from django_checkout.money import format_minor
from example_project.shop.access import signed_path
from example_project.shop.models import Order


def _link(order: Order) -> str:
    return f"{settings.CHECKOUT_BASE_URL}{signed_path(order)}"


def send_confirmation(order: Order) -> None:
    """Confirm a paid order, with a link that shows it without a login."""
    body = render_to_string(
        "shop/mail/confirmation.txt", {"order": order, "payable": services.find_order(order), "link": _link(order)}
    )
    send_mail(_("Your order %(number)s") % {"number": order.number}, body, None, [order.email])


def send_refund_notice(order: Order, amount_minor: int) -> None:
    """Announce a refund."""
    amount = format_minor(amount_minor, order.currency)
    body = render_to_string("shop/mail/refund.txt", {"order": order, "amount": amount, "link": _link(order)})
    send_mail(_("A refund for your order %(number)s") % {"number": order.number}, body, None, [order.email])
