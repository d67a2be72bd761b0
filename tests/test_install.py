"""The steps of "Install it" in the README, followed in a new project, end with a paid order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

import django_checkout
from example_project.shop.demo_check import CARD, Visitor
from example_project.shop.demo_server import free_port

# Ten commands and two servers, each in its own process.
pytestmark = pytest.mark.slow

README = Path(__file__).resolve().parents[1] / "README.md"
#: Files that `startproject` creates and the README appends to; it writes all others.
APPENDED = ("mysite/settings.py", "mysite/urls.py")
SERVED = ("checkout_emulator", "runserver")
WAIT_SECONDS = 180


def section():
    return re.search(r"^## Install it\n(.*?)^## ", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[1]


def steps(text):
    """Yield the files and commands of the section, in order."""
    for found in re.finditer(r"```python\n# (\S+)\n(.*?)```|^    (\S[^\n]*)$", text, re.DOTALL | re.MULTILINE):
        path, content, command = found.groups()
        # The lines of a file may be indented too, but a fence is matched as a whole.
        yield ("write", path, content) if path else ("run", command, "")


class Reader:
    """Follows the README in a new directory."""

    def __init__(self, folder, stack):
        self.folder, self.stack = folder, stack
        self.site, self.stripe = free_port(), free_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("STRIPE_", "CHECKOUT_", "DJANGO_", "DATABASE_", "COV_"))
        }
        # The tested app, as if it were installed.
        self.environment["PYTHONPATH"] = str(Path(django_checkout.__file__).parents[1])

    def type(self, text):
        """Return a text of the README with free ports."""
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.site}").replace(":12111", f":{self.stripe}")

    def write(self, path, content):
        file = self.folder / path
        before = file.read_text(encoding="utf-8") if path in APPENDED else ""
        file.write_text(before + self.type(content), encoding="utf-8")

    def run(self, command):
        words = shlex.split(self.type(command))
        if words[0] == "pip":
            return ""
        if words[0] == "*":  # a line of a crontab
            words = words[words.index("&&") + 1 :]
        program = {"python": [sys.executable], "django-admin": [sys.executable, "-m", "django"]}[words[0]]
        arguments = [*program, *words[1:]]
        if words[-1] in SERVED:
            self.serve(arguments)
            return ""
        done = subprocess.run(  # noqa: S603  # the README's own commands
            arguments, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def serve(self, arguments):
        is_site = arguments[-1] == "runserver"
        port = self.site if is_site else self.stripe
        options = [f"127.0.0.1:{port}", "--noreload"] if is_site else ["--port", str(port)]
        self.stack.enter_context(served([*arguments, *options], port, self.folder, self.environment))


@contextmanager
def served(command, port, folder, environment):
    log = folder / f"{port}.log"
    with log.open("w") as output:
        server = subprocess.Popen(  # noqa: S603  # the README's own commands
            command, cwd=folder, env=environment, stdout=output, stderr=output
        )
    try:
        wait_for(lambda: is_open(port), log)
        yield
    finally:
        server.terminate()
        server.wait(timeout=60)


def is_open(port):
    try:
        requests.get(f"http://127.0.0.1:{port}/", timeout=120)
    except requests.ConnectionError:
        return False
    return True


def wait_for(condition, log):
    until = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


@pytest.fixture
def reader(tmp_path):
    with ExitStack() as stack:
        yield Reader(tmp_path, stack)


#: Prints how many webhooks were processed.
COUNT = (
    "from django_checkout.models import WebhookEvent; "
    "print('processed:', WebhookEvent.objects.filter(state='processed').count())"
)
#: Prints which errors of the app `check --deploy` reports.
DEPLOY = (
    "from django.core.checks import run_checks; "
    "print([m.id for m in run_checks(include_deployment_checks=True) if m.id.startswith('django_checkout.E')])"
)


def test_following_the_readme_in_a_new_project_ends_with_a_paid_order(reader):
    for kind, what, content in steps(section()):
        if kind == "write":
            reader.write(what, content)
        else:
            reader.run(what)
    shopper = Visitor(f"http://127.0.0.1:{reader.site}")
    shopper.get("/buy/A-1/")
    shopper.submit(shopper.form("/checkout/start/"))
    shopper.submit(shopper.form("/pay/"), **CARD)

    log = reader.folder / f"{reader.site}.log"
    wait_for(lambda: "A-1 is paid" in shopper.get("/order/A-1/").text, log)
    wait_for(lambda: "processed: 0" not in reader.run(f'python manage.py shell -c "{COUNT}"'), log)
    assert "whsec_" in reader.run("python manage.py checkout_setup_webhook")
    assert "[]" in reader.run(f'python manage.py shell -c "{DEPLOY}"')
