"""Headless Chromium against the demo's own server, so that what a person clicks through is what is tested.

The server is a child process with a database and a store of its own, as `manage.py demo` serves it: no connection is
shared with the test, and no test needs `DJANGO_ALLOW_ASYNC_UNSAFE`.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager

import pytest

from example_project.shop.demo_check import free_port, served

#: The browser of Debian and Ubuntu; CHROMIUM names another.
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SCREENS = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Launch the system's Chromium; without one, fail where CI promises it and skip elsewhere."""
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
    """Nothing: `site` is the address. pytest-playwright's own is a method, at which pytest 9 warns."""
    return ""


# pytest-playwright keeps its event loop running to the end of the session, in which Django refuses the ORM to every
# other test. These end with this package.
@pytest.fixture(scope="package")
def playwright():
    from playwright.sync_api import sync_playwright

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
    """The address of a demo shop that is open for these tests."""
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
    """What the browser complained of; a test that expects a complaint takes it out."""
    found: list[str] = []
    page.on("console", lambda message: message.type in {"error", "warning"} and found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert found == []


@pytest.fixture(autouse=True)
def lax_pages(context):
    """The documents, frames included, that came without a policy, or with one that lets inline code run."""
    found: list[str] = []

    def judge(response):
        if response.request.resource_type != "document" or 300 <= response.status < 400:
            return
        policy = response.headers.get("content-security-policy", "")
        if not re.match("default-src '(none|self)'(;|$)", policy) or "unsafe-" in policy:
            found.append(f"{response.url}: {policy or 'no policy'}")

    context.on("response", judge)
    yield found
    assert found == []
