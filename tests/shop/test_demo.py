from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_checkout.emulator import Emulator
from example_project.shop.demo_accounts import make_accounts
from example_project.shop.demo_check import Visitor
from example_project.shop.management.commands import demo

ROOT = Path(__file__).resolve().parents[2]


def test_a_busy_port_is_named_with_an_alternative(settings):
    settings.DEBUG = True
    with socket.socket() as busy:
        busy.bind((demo.HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]

        with pytest.raises(CommandError, match=rf"Port {port} is in use.*--port {port + 1}"):
            call_command("demo", port=port)


def test_an_impossible_port_is_refused(settings):
    settings.DEBUG = True

    with pytest.raises(CommandError, match="65535"):
        call_command("demo", port=70000)


def test_the_demo_requires_debug():
    with pytest.raises(CommandError, match="DEBUG"):
        call_command("demo")


def test_the_demo_fills_the_shop_and_serves_it(settings, monkeypatch, db, django_user_model, tmp_path):
    settings.DEBUG = True
    served = []
    monkeypatch.setattr(demo, "call_command", lambda *arguments, **options: served.append(arguments))
    monkeypatch.setattr(demo, "_require_free", lambda port: None)
    settings.CHECKOUT_EMULATOR_STORE = str(tmp_path / "emulator.sqlite3")
    settings.CHECKOUT_BASE_URL = "http://127.0.0.1:8000"

    for _ in range(2):
        output = io.StringIO()
        call_command("demo", stdout=output)

    assert served == [("migrate",), ("runserver", "127.0.0.1:8000")] * 2
    assert "admin / tea-and-slip" in output.getvalue()
    with closing(Emulator(store=settings.CHECKOUT_EMULATOR_STORE)) as emulator:
        assert [code["code"] for code in emulator.latest("promotion_code", 9)] == ["WELCOME10"]
    assert django_user_model.objects.get(username="admin").is_superuser
    assert django_user_model.objects.filter(username="robin").count() == 1


def test_a_password_that_was_changed_is_neither_reset_nor_printed(db, django_user_model):
    make_accounts()
    admin = django_user_model.objects.get(username="admin")
    admin.set_password("my own")
    admin.save()

    accounts = make_accounts()

    assert accounts[0] == ("Merchant", "admin", "the password you set")


def test_another_port_restarts_with_its_base_url(settings, monkeypatch):
    started = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append(arguments))
    monkeypatch.setenv("CHECKOUT_BASE_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("STRIPE_API_BASE", "")

    demo._require_base_url(9000)

    assert started == [[sys.executable, *sys.argv]]
    assert os.environ["CHECKOUT_BASE_URL"] == "http://127.0.0.1:9000"
    assert os.environ["STRIPE_API_BASE"] == "http://127.0.0.1:9000/emulator"


def test_a_configured_base_url_is_kept_without_the_emulator(settings, monkeypatch):
    settings.CHECKOUT_EMULATOR = False
    settings.CHECKOUT_BASE_URL = "https://tunnel.example"
    monkeypatch.setenv("CHECKOUT_BASE_URL", "https://tunnel.example")
    monkeypatch.setattr(os, "execv", lambda *arguments: pytest.fail("started over"))

    demo._require_base_url(8000)


@pytest.mark.slow
def test_the_check_makes_a_purchase_and_deletes_its_data(tmp_path):
    result = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, ROOT / "manage.py", "demo", "--check"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "example_project.settings"},
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"Order TS-\d{4}-\w{6} is paid", result.stdout)
    assert "checkout.session.completed" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_check_that_fails_names_the_step(monkeypatch, tmp_path):
    monkeypatch.setattr("example_project.shop.demo_check.EVENT", "an event that Stripe does not have")
    monkeypatch.setattr("example_project.shop.demo_check.WAIT_SECONDS", 2)
    output = io.StringIO()

    with pytest.raises(CommandError, match="at this step: read the timeline in the admin"):
        call_command("demo", check=True, stdout=output)

    assert "The end of the server's log" in output.getvalue()


def test_an_error_names_the_url_of_the_page(live_server):
    visitor = Visitor(live_server.url)

    with pytest.raises(Exception, match="answered 404"):
        visitor.get("/nowhere/")
