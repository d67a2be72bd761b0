"""The demo on uvicorn and gunicorn: a purchase through the API, its webhook, and a clean log."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

from example_project.shop import demo_server
from example_project.shop.demo_check import CARD, PARCEL
from example_project.shop.demo_server import ROOT, free_port
from example_project.shop.html import parse

SERVERS = {
    "uvicorn": ["uvicorn", "example_project.asgi:application", "--host", "127.0.0.1", "--port", "{port}"],
    "gunicorn": ["gunicorn", "example_project.wsgi:application", "--bind", "127.0.0.1:{port}", "--threads", "8"],
}
PREPARE = (
    "import django; django.setup();"
    "from django.core.management import call_command; call_command('migrate', verbosity=0);"
    "from example_project.shop.catalogue import seed_catalogue; seed_catalogue()"
)


@pytest.fixture(params=SERVERS)
def site(request, tmp_path):
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    environment = {**demo_server.environment(base_url, tmp_path), "PYTHONWARNINGS": "default"}
    subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", PREPARE], cwd=ROOT, env=environment, check=True, timeout=120
    )
    command = [part.format(port=port) for part in SERVERS[request.param]]
    with (tmp_path / "server.log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603  # our own command line
            [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            demo_server.wait_until_open(server, f"{base_url}/checkout/health/")
            yield Site(base_url, tmp_path / "shop.sqlite3", request.param)
        finally:
            server.terminate()
            server.wait(timeout=60)
    assert "Traceback" not in (tmp_path / "server.log").read_text(errors="replace")


@dataclass(frozen=True)
class Site:
    url: str
    database: Path
    server: str

    def read(self, query):
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()


def wait_until(done, *, seconds):
    give_up_at = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up_at
        time.sleep(0.2)


def buy(site, card=CARD):
    """Buy a teapot through the API and pay for it on the emulator's page."""
    api = f"{site.url}/api/orders/"
    lines = [{"sku": "moon-teapot"}]
    order = requests.post(api, json={"lines": lines, "email": "a@example.com"}, timeout=300).json()
    own, path = {"Checkout-Token": order["token"]}, f"{api}{order['reference']}/"
    session = requests.post(f"{path}sessions/", json={"ui_mode": "hosted_page"}, headers=own, timeout=300).json()
    browser = requests.Session()
    page = parse(browser.get(session["url"], timeout=300).text)
    token = next(
        field.attributes["value"] for field in page.find_all("input") if field.attributes.get("name") == "token"
    )

    browser.post(session["url"], {**card, **PARCEL, "token": token}, allow_redirects=False, timeout=300)

    def status():
        return requests.get(f"{path}status/", headers=own, timeout=300).json()["outcome"]

    wait_until(lambda: status() == "paid", seconds=120)


def test_purchase_through_the_api(site):
    buy(site)


def test_event_whose_handler_reads_from_stripe(site):
    buy(site, card={**CARD, "card_number": "4000000000000259"})

    wait_until(lambda: site.read("SELECT status FROM django_checkout_dispute") == [("needs_response",)], seconds=120)
    read = "SELECT state FROM django_checkout_webhookevent WHERE type = 'charge.dispute.created'"
    wait_until(lambda: site.read(read) == [("processed",)], seconds=120)
