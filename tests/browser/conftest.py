"""Headless Chromium against the demo's own server, so that the tests use what a person uses.

The server is a child process with a database and a store of its own, as `manage.py demo` serves it: no connection is
shared with the test, and no test needs `DJANGO_ALLOW_ASYNC_UNSAFE`.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager

import pytest

from example_project.shop.demo_server import free_port, served

#: Debian's and Ubuntu's Chromium, unless CHROMIUM has another path.
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SCREENS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Launch the system's Chromium; without one, fail in CI and skip elsewhere."""
    if shutil.which(CHROMIUM) is None:
        reason = f"Chromium is not at {CHROMIUM}; install it or name one with CHROMIUM."
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(reason)
        pytest.skip(reason)
    return {
        **browser_type_launch_args,
        "executable_path": CHROMIUM,
        "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    }


@pytest.fixture(scope="session")
def base_url():
    """None, because `site` is the URL. pytest 9 warns about pytest-playwright's own fixture, which is a method."""
    return ""


# pytest-playwright keeps its event loop running until the end of the session, and Django refuses the ORM in a running
# loop. These fixtures end with this package.
@pytest.fixture(scope="package")
def playwright():
    from playwright.sync_api import expect, sync_playwright

    # Slowness is not a failure.
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser_type(playwright):
    return playwright.chromium


@pytest.fixture(scope="package")
def launch_browser(browser_type, browser_type_launch_args):
    return lambda **options: browser_type.launch(**{**browser_type_launch_args, **options})


@pytest.fixture(scope="package")
def browser(launch_browser):
    browser = launch_browser()
    yield browser
    browser.close()


@contextmanager
def open_site(folder):
    base_url = f"http://127.0.0.1:{free_port()}"
    with served(base_url, folder, folder / "server.log"):
        yield base_url


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    """The URL of a demo shop that runs for these tests."""
    with open_site(tmp_path_factory.mktemp("site")) as base_url:
        yield base_url


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name == "phone" else ()) for name in SCREENS])
def screen(request):
    return request.param


@pytest.fixture
def browser_context_args(screen, site):
    return {"viewport": SCREENS[screen], "base_url": site, "locale": "en-GB"}


@pytest.fixture(autouse=True)
def complaints(page):
    """The errors in the browser's console; a test removes those that it expects."""
    found: list[str] = []
    page.on("console", lambda message: message.type in {"error", "warning"} and found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


@pytest.fixture(autouse=True)
def lax_pages(context):
    """The documents, including frames, without a policy or with one that allows inline code."""
    found: list[str] = []

    def check_policy(response):
        if response.request.resource_type != "document" or 300 <= response.status < 400:
            return
        policy = response.headers.get("content-security-policy", "")
        if not re.match("default-src '(none|self)'(;|$)", policy) or "unsafe-" in policy:
            found.append(f"{response.url}: {policy or 'no policy'}")

    context.on("response", check_policy)
    yield found
    assert found == []
