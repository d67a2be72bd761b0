"""The shop's mails."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_noop

from django_checkout import services
from django_checkout.values import NextAction
from example_project.shop.access import signed_path
from example_project.shop.models import Order

_HOW_TO_PAY = gettext_noop("How to pay your order %(number)s")


def _link(order: Order) -> str:
    return f"{settings.CHECKOUT_BASE_URL}{signed_path(order)}"


def send_confirmation(order: Order) -> None:
    """Confirm a paid order, with a link that shows it without a login."""
    context = {"payable": services.find_order(order)}
    _send(order, gettext_noop("Your order %(number)s"), "shop/mail/confirmation.txt", context)


def send_reminder(order: Order, link: str) -> None:
    """Remind a shopper who left the payment page, with a link that takes up the order again."""
    _send(order, gettext_noop("Your order %(number)s is still here"), "shop/mail/reminder.txt", {"link": link})


def send_instructions(order: Order, next_action: NextAction, *, is_reminder: bool = False) -> None:
    """Say how to pay an order with a voucher or a bank transfer, and until when."""
    subject = gettext_noop("Please pay your order %(number)s soon") if is_reminder else _HOW_TO_PAY
    _send(order, subject, "shop/mail/instructions.txt", {"action": next_action, "is_reminder": is_reminder})


def send_refund_notice(order: Order, amount_minor: int) -> None:
    """Announce a refund."""
    context = {"amount_minor": amount_minor}
    _send(order, gettext_noop("A refund for your order %(number)s"), "shop/mail/refund.txt", context)


def _send(order: Order, subject: str, template: str, context: dict[str, Any]) -> None:
    """Send a mail in the language in which the order was placed, whoever's request or command causes it."""
    with translation.override(order.language):
        body = render_to_string(template, {"order": order, "link": _link(order), **context})
        send_mail(translation.gettext(subject) % {"number": order.number}, body, None, [order.email])
