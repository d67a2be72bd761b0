"""The emulator as a library, in a process without Django's settings."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import django_checkout.emulator.server
from django.conf import settings
from django_checkout.emulator import Emulator, requests_session

emulator = Emulator(webhook_secret="whsec_tests")
line = {"price_data[currency]": "eur", "price_data[unit_amount]": "1000", "price_data[product_data][name]": "Tea"}
names = {f"line_items[0][{name.replace('[', '][', 1)}" + "]" * ("[" not in name): value for name, value in line.items()}
form = {"mode": "payment", "success_url": "https://shop.example.com/", "line_items[0][quantity]": "1", **names}
client = requests_session(emulator)
client.headers["Authorization"] = "Bearer sk_test_x"
session = client.post("https://api.stripe.com/v1/checkout/sessions", data=form).json()
jug = client.post("https://api.stripe.com/v1/products", data={"name": "Jug"}).json()
limits = {"percent_off": "10", "applies_to[products][0]": jug["id"]}
coupon = client.post("https://api.stripe.com/v1/coupons", data=limits).json()
form["discounts[0][coupon]"] = coupon["id"]
refused = client.post("https://api.stripe.com/v1/checkout/sessions", data=form)
assert refused.status_code == 400, refused.text
assert emulator.pay(session["id"]).status == "paid", session
assert emulator.deliver_to(lambda body, headers: 200)
assert not settings.configured
"""


def test_a_session_is_paid_without_settings():
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}

    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
