"""A site, its operator and Stripe, with one clock that the rehearsals move."""

from __future__ import annotations

import io
import json
import re
import shlex
from dataclasses import dataclass
from html import unescape
from typing import Any

import requests
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.models import CheckoutSession, Order
from tests import process_memory
from tests.factories import HostOrderFactory
from tests.host.models import HostOrder

from . import truth
from .stripe_side import PATIENCE_SECONDS, Stripe

MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    text: str


@dataclass(slots=True)
class World:
    """What an operator has: commands, pages, health, log and settings; and what only a rehearsal has: the clock."""

    url: str
    stripe: Stripe
    settings: Any
    caplog: Any
    traveller: Any
    moved_seconds: int = 0

    # Time passes

    def wait(self, seconds: int) -> None:
        """Move the clocks of the site and of Stripe."""
        self.moved_seconds += seconds
        self.traveller.shift(seconds)
        process_memory.forget()
        self.stripe.do("correct_clock", seconds=self.moved_seconds)
        self.stripe.wait_until_delivered()

    def every_minute(self, minutes: int = 1) -> list[Ran]:
        """Run the command that cron runs every minute."""
        runs = []
        for _ in range(minutes):
            self.wait(MINUTE)
            runs.append(self.run("checkout_process_events"))
        return runs

    # Shoppers

    def order(self, **fields: Any) -> Order:
        """Place an order of the host: a teapot for 20.00 EUR."""
        return services.place(HostOrderFactory(**fields))

    def start(self, order: Order) -> CheckoutSession:
        return services.start(order)

    def pay(self, order: Order | None = None) -> Order:
        """Start and pay an order at Stripe, and let Stripe deliver its events as far as it can."""
        order = order or self.order()
        self.stripe.pay(services.start(order).stripe_id or "")
        self.stripe.wait_until_delivered()
        order.refresh_from_db()
        return order

    def come_back(self, order: Order) -> Order:
        """Return from Stripe's page, as the shopper's browser does after the payment."""
        session = CheckoutSession.objects.filter(order=order).latest("pk")
        path = reverse("django_checkout:return", args=[make_token(order, Purpose.STATUS)])
        page = requests.get(f"{self.url}{path}", {"session_id": session.stripe_id}, timeout=PATIENCE_SECONDS)
        assert page.status_code == 200
        order.refresh_from_db()
        return order

    def press_button(self, order: Order) -> requests.Response:
        """Open the pay page of an order, press its button, and return the response without following it."""
        with requests.Session() as browser:
            page = browser.get(services.pay_url(order), timeout=PATIENCE_SECONDS)
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
            action = re.search(r'<form[^>]*action="([^"]*/start/[^"]*)"', page.text)
            assert token, page.text
            assert action, page.text
            form = {"csrfmiddlewaretoken": token[1], "ui_mode": "hosted_page"}
            return browser.post(f"{self.url}{action[1]}", form, timeout=PATIENCE_SECONDS, allow_redirects=False)

    def sell(self, number: str) -> str:
        """Place and pay an order with this number, and return its state."""
        return self.pay(self.order(number=number)).status

    # What an operator sees and types

    def run(self, command: str, *arguments: str) -> Ran:
        """Run a command as its words are typed after ``manage.py``."""
        name, *words = [*shlex.split(command), *arguments]
        out, code = io.StringIO(), 0
        try:
            call_command(name, *words, stdout=out, stderr=out, no_color=True)
        except SystemExit as end:
            code = int(end.code or 0)
        except CommandError as error:
            code = error.returncode
            out.write(f"CommandError: {error}\n")
        return Ran(code, out.getvalue())

    def doctor(self, *arguments: str) -> dict[str, dict[str, str]]:
        """Return what the doctor finds, by id."""
        ran = self.run("checkout_doctor", "--format", "json", *arguments)
        # If something other than Stripe answers, the error follows.
        report, end = json.JSONDecoder().raw_decode(ran.text)
        is_foreign = "CommandError" in ran.text[end:]
        assert ran.code == (2 if is_foreign else 0 if report["ok"] else 1), ran
        return {finding["id"]: finding for finding in report["findings"]}

    def health(self) -> tuple[int, list[str]]:
        """Return the status of the health page and its reasons."""
        cache.clear()
        answer = requests.get(f"{self.url}{reverse('django_checkout:health')}", timeout=PATIENCE_SECONDS)
        return answer.status_code, answer.json()["reasons"]

    def dashboard(self) -> str:
        """Return the text of the dashboard."""
        cache.clear()
        return shown_text(merchant().get(reverse("admin:django_checkout_order_dashboard")))

    def act(self, model: str, pk: int, operation: str, **typed: str) -> str:
        """Press a button of a page in the admin, with a note, and return the text of the next page."""
        url = reverse(f"admin:django_checkout_{model}_operate", args=[pk, operation])
        return shown_text(merchant().post(url, {"note": "Looked at it.", **typed}, follow=True))

    def logged(self, level: str = "WARNING") -> set[str]:
        """Return the names of the log records since the last call: their first words."""
        found = {
            str(record.msg).split(" ", maxsplit=1)[0]
            for record in self.caplog.records
            if record.name == "django_checkout" and record.levelname in (level, "ERROR")
        }
        self.caplog.clear()
        return found

    def follow(self, advice: str) -> list[Ran]:
        """Run every command that a text names, in its order, and nothing else."""
        commands = commands_in(advice)
        assert commands, f"no command in: {advice}"
        return [self.run(command) for command in commands]

    def load(self, path: str) -> None:
        """Load a copy of another site's rows, without calling anybody's receivers."""
        call_command("loaddata", path, verbosity=0)

    def host_states(self) -> dict[str, str]:
        """Return what the host's receivers have written, by order."""
        return dict(HostOrder.objects.values_list("number", "state"))

    def set_up_webhook(self, *arguments: str) -> str:
        """Run ``checkout_setup_webhook``, and return the secret that it prints."""
        ran = self.run("checkout_setup_webhook", *arguments)
        assert ran.code == 0, ran
        return secret_in(ran.text)

    def deploy(self, **values: Any) -> None:
        """Change settings of the site."""
        for name, value in values.items():
            setattr(self.settings, name, value)

    # The end

    def is_over(self, **options: Any) -> None:
        """Assert that nothing is wrong any more, and that every order is as Stripe has it."""
        self.stripe.wait_until_delivered()
        truth.compare(self.stripe, **options)
        assert self.health() == (200, [])
        errors = [found for found in self.doctor().values() if found["severity"] == "error"]
        assert errors == []


def merchant() -> Client:
    """Return a browser in which a merchant has signed in to the admin."""
    user, _ = get_user_model().objects.get_or_create(username="merchant", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


def shown_text(answer: Any) -> str:
    """Return the text of a page."""
    assert answer.status_code == 200
    return " ".join(unescape(strip_tags(answer.content.decode())).split())


def commands_in(text: str) -> list[str]:
    """Return the commands that a text names, as they are typed after ``manage.py``; a value has a digit in it."""
    return re.findall(r"manage\.py (\w+(?: --[a-z][\w-]*(?: [^\s,;]*\d[^\s,;]*)?)*)", text)


def secret_in(text: str) -> str:
    """Return the signing secret in a text."""
    found = re.search(r"whsec_\w+", text)
    assert found, text
    return found[0]
