"""Brings an order into each state of the return page, with the emulator.

``python -m tests.return_states FOLDER LANGUAGE`` writes each page into a file, with its style sheet, for a browser: to
whoever may see the details, and to a bare link.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import django

PERSONAL = {"email": "kim.shopper@example.com", "name": "Kim Shopper", "country": "DE", "postal_code": "20457"}
DEBIT, FAILING_DEBIT = "AT611904300234573201", "AT861904300235473202"
#: Nobody pays the test payments of this shopper.
NOBODY_PAYS = "fill_never@example.com"
FOUR_DAYS = 4 * 24 * 60 * 60
#: What a bare link must not show.
SECRETS = ("kim", "quay lane", "4242", "3201", "teapot", "48.00", "48,00", "4.90")


class World:
    """An emulator and one order after the other."""

    def __init__(self, emulator: Any) -> None:
        self.emulator = emulator
        self.count = 0

    def start(self, *, lines=None, options=None, params=None, mode="", currency="eur"):
        from django_checkout import services
        from django_checkout.values import CheckoutOptions, LineData, OrderData, ShippingOption

        self.count += 1
        if options is None:
            shipping = (ShippingOption(name="Standard shipping", amount_minor=490),)
            options = CheckoutOptions(shipping_countries=("DE",), shipping_options=shipping)
        standard = (LineData(name="Moon Teapot", unit_amount_minor=2400, quantity=2, description="0.8 l, blue"),)
        lines = () if mode == "setup" else lines or standard
        data = OrderData(reference=f"TS-{self.count:03}", currency=currency, lines=lines, options=options, mode=mode)
        order = services.place(data)
        return order, services.start(order, params=params)

    def pay(self, session, *, is_delivered=True, **typed):
        self.emulator.pay(session.stripe_id, **PERSONAL, **typed)
        if is_delivered:
            self.deliver()

    def deliver(self):
        from django_checkout.testing import deliver_events

        deliver_events(self.emulator)


def paid(world):
    order, session = world.start()
    world.pay(session)
    return order, session


def processing(world):
    order, session = world.start()
    world.pay(session, iban=DEBIT)
    return order, session


def failed(world):
    order, session = world.start()
    world.pay(session, iban=FAILING_DEBIT)
    world.emulator.clock.advance(FOUR_DAYS)
    world.deliver()
    return order, session


def authorized(world):
    order, session = world.start(params={"payment_intent_data": {"capture_method": "manual"}})
    world.pay(session)
    return order, session


def expired(world):
    order, session = world.start()
    world.emulator.expire(session.stripe_id)
    world.deliver()
    return order, session


def canceled(world):
    from django_checkout import services

    order, session = world.start()
    services.cancel(order)
    return order, session


def refunded(world):
    from django_checkout import services

    order, session = paid(world)
    services.refund(order)
    world.deliver()
    return order, session


def partially_refunded(world):
    from django_checkout import services

    order, session = paid(world)
    services.refund(order, 1000)
    world.deliver()
    return order, session


def free(world):
    from django_checkout.values import CheckoutOptions

    order, session = world.start(options=CheckoutOptions(discount_minor=4800, discount_name="Gift card"))
    world.pay(session)
    return order, session


def setup(world):
    order, session = world.start(mode="setup", options=_no_options())
    world.pay(session)
    return order, session


def setup_open(world):
    return world.start(mode="setup", options=_no_options())


def subscription(world):
    order, session = world.start(lines=_monthly(), options=_no_options())
    world.pay(session)
    return order, session


def trial(world):
    from django_checkout.values import CheckoutOptions

    order, session = world.start(lines=_monthly(), options=CheckoutOptions(trial_days=14))
    world.pay(session)
    return order, session


def unknown(world):
    order, session = world.start()
    world.emulator.chaos.fail(20, match="GET /v1/checkout/sessions/*")
    return order, session


def open_(world):
    return world.start()


def konbini(world):
    return _waiting(world, "konbini", "jpy")


def oxxo(world):
    return _waiting(world, "oxxo", "mxn")


def transfer(world):
    """A bank transfer."""
    from django_checkout.stripe_api.client import get_client

    bank = {"type": "eu_bank_transfer", "eu_bank_transfer": {"country": "NL"}}
    return _waiting(
        world,
        "customer_balance",
        "eur",
        payment_method_options={"customer_balance": {"funding_type": "bank_transfer", "bank_transfer": bank}},
        customer=get_client().v1.customers.create({"email": NOBODY_PAYS}).id,
    )


def qr_code(world):
    return _waiting(world, "paynow", "sgd")


def _waiting(world, method, currency, **params):
    """Return an order that waits until the shopper pays it by a voucher, a transfer or a QR code."""
    params = {"payment_method_types": ["card", method], **params}
    order, session = world.start(currency=currency, options=_no_options(), params=params)
    world.emulator.pay(session.stripe_id, **PERSONAL | {"email": NOBODY_PAYS}, method=method)
    world.deliver()
    return order, session


def _no_options():
    from django_checkout.values import CheckoutOptions

    return CheckoutOptions()


def _monthly():
    from django_checkout.values import LineData

    return (LineData(name="Tea of the month", unit_amount_minor=1900, recurring_interval="month"),)


STATES = {
    "paid": paid,
    "processing": processing,
    "failed": failed,
    "authorized": authorized,
    "expired": expired,
    "canceled": canceled,
    "refunded": refunded,
    "partially_refunded": partially_refunded,
    "free": free,
    "setup": setup,
    "setup_open": setup_open,
    "subscription": subscription,
    "trial": trial,
    "unknown": unknown,
    "open": open_,
    "konbini": konbini,
    "oxxo": oxxo,
    "transfer": transfer,
    "qr_code": qr_code,
}


def return_url(order, session):
    from django.urls import reverse

    from django_checkout.access.tokens import Purpose, make_token

    path = reverse("django_checkout:return", args=[make_token(order.pk, Purpose.STATUS)])
    return f"{path}?session_id={session.stripe_id}"


def remember(client, order):
    """Give a client the cookie of the browser that pays the order."""
    from django_checkout.access.tokens import Purpose, make_token

    client.cookies[f"checkout_pay_{order.pk}"] = make_token(order.pk, Purpose.PAY)


def write(folder: Path, language: str) -> None:
    """Write the page of each state into a folder."""
    from django.contrib.staticfiles import finders
    from django.test import Client

    from django_checkout.testing import emulated_stripe

    style = Path(finders.find("django_checkout/checkout.css")).read_text()
    with emulated_stripe() as emulator:
        world = World(emulator)
        for name, build in STATES.items():
            order, session = build(world)
            for is_bare in (False, True):
                client = Client(headers={"accept-language": language})
                if not is_bare:
                    remember(client, order)
                page = client.get(return_url(order, session)).content.decode()
                page = page.replace("</head>", f"<style>{style}</style></head>", 1)
                (folder / f"{name}{'_bare' if is_bare else ''}.html").write_text(page)
            emulator.chaos.reset()


def main(folder: str, language: str) -> None:
    """Write the pages with a database of its own."""
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": f"sqlite:///{place}/db.sqlite3"}
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        write(Path(folder), language)


if __name__ == "__main__":
    main(*sys.argv[1:])
