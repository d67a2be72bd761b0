"""A shop whose receiver notes which worker was told about a paid order, and whose handler of one type fails."""

from __future__ import annotations

import os

from django.apps import AppConfig
from django.db.models import F

#: Events of this type fail.
POISON = "person.created"


class ReceiverConfig(AppConfig):
    """Connects the receiver."""

    name = "tests.engines"
    label = "engines"

    def ready(self):
        from django_checkout.models import Order
        from django_checkout.signals import order_paid
        from django_checkout.webhooks import handles

        order_paid.connect(_on_paid, sender=Order)
        handles(POISON)(_on_poison)


def _on_poison(event):
    raise ZeroDivisionError


def _on_paid(source, **arguments):
    type(source).objects.filter(pk=source.pk).update(paid_times=F("paid_times") + 1, state=str(os.getsid(0)))
