"""README's "Install it", typed as it stands there into a new project, ends with something sold in the emulator."""

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
from example_project.shop.demo_check import CARD, Visitor, free_port

# Ten commands and two servers, each a Python of its own.
pytestmark = pytest.mark.slow

README = Path(__file__).resolve().parents[1] / "README.md"
#: Files that `startproject` makes and the README adds to; the others it writes anew.
APPENDED = ("mysite/settings.py", "mysite/urls.py")
SERVED = ("checkout_emulator", "runserver")
WAIT_SECONDS = 60


def section():
    return re.search(r"^## Install it\n(.*?)^## ", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[1]


def steps(text):
    """The files and the commands of the section, in order."""
    for found in re.finditer(r"```python\n# (\S+)\n(.*?)```|^    (\S[^\n]*)$", text, re.DOTALL | re.MULTILINE):
        path, content, command = found.groups()
        # A file's own lines are indented as well; what a fence holds is matched with its fence.
        yield ("write", path, content) if path else ("run", command, "")


class Typist:
    """Somebody who follows the README in a folder of their own."""

    def __init__(self, folder, stack):
        self.folder, self.stack = folder, stack
        self.site, self.stripe = free_port(), free_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("STRIPE_", "CHECKOUT_", "DJANGO_", "DATABASE_", "COV_"))
        }
        # Where the app that is tested is imported from, as `pip install` would have it.
        self.environment["PYTHONPATH"] = str(Path(django_checkout.__file__).parents[1])

    def type(self, text):
        """Type a file's text or a command, at ports that nobody else uses."""
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
            arguments, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=120
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
        server.wait(timeout=20)


def is_open(port):
    try:
        requests.get(f"http://127.0.0.1:{port}/", timeout=30)
    except requests.ConnectionError:
        return False
    return True


def wait_for(condition, log):
    until = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


@pytest.fixture
def typist(tmp_path):
    with ExitStack() as stack:
        yield Typist(tmp_path, stack)


#: How many webhooks arrived and were processed, as the project itself knows.
COUNT = (
    "from django_checkout.models import WebhookEvent; "
    "print('processed:', WebhookEvent.objects.filter(state='processed').count())"
)
#: Which errors of ours `check --deploy` reports; Django reports its own beside them.
DEPLOY = (
    "from django.core.checks import run_checks; "
    "print([m.id for m in run_checks(include_deployment_checks=True) if m.id.startswith('django_checkout.E')])"
)


def test_following_the_readme_in_a_new_project_sells_something(typist):
    for kind, what, content in steps(section()):
        if kind == "write":
            typist.write(what, content)
        else:
            typist.run(what)
    shopper = Visitor(f"http://127.0.0.1:{typist.site}")
    shopper.get("/buy/A-1/")
    shopper.submit(shopper.form("/checkout/start/"))
    shopper.submit(shopper.form("/pay/"), **CARD)

    log = typist.folder / f"{typist.site}.log"
    wait_for(lambda: "A-1 is paid" in shopper.get("/order/A-1/").text, log)
    wait_for(lambda: "processed: 0" not in typist.run(f'python manage.py shell -c "{COUNT}"'), log)
    assert "whsec_" in typist.run("python manage.py checkout_setup_webhook")
    assert "[]" in typist.run(f'python manage.py shell -c "{DEPLOY}"')
