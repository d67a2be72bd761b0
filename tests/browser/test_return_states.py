"""The return page in each state, look and language: nothing serious for axe-core, and nothing wider than the screen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.axe import assert_accessible
from tests.return_states import STATES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: Scripts, reloads and files; the style sheet is in the page.
LIVE = re.compile(r'<script.*?</script>|<noscript>.*?</noscript>|<link rel="stylesheet"[^>]*>')
LOOKS = [
    *(("en", (width, scheme)) for width in (320, 1280) for scheme in ("light", "dark")),
    ("de", (320, "light")),
    ("de", (1280, "dark")),
    ("ja", (390, "light")),
]
HIDDEN_BUTTON = re.compile(r"(<button [^>]*data-checkout-(?:copy|print)[^>]*) hidden")
EVERY_LOOK = pytest.mark.parametrize(("pages", "look"), LOOKS, indirect=True)


def shown(path: Path) -> str:
    """Return a page as its scripts leave it, with the buttons that copy and print."""
    return HIDDEN_BUTTON.sub(r"\1", LIVE.sub("", path.read_text()))


@pytest.fixture(scope="module")
def pages(request, tmp_path_factory) -> Path:
    """The folder of the pages, written by a process of its own: Django's ORM does not run beside Playwright's loop."""
    folder = tmp_path_factory.mktemp(request.param)
    command = [sys.executable, "-m", "tests.return_states", str(folder), request.param]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], env=os.environ)  # noqa: S603 (our own command)
    return folder


@pytest.fixture
def look(request):
    return request.param


@pytest.fixture
def browser_context_args(look):
    return {"viewport": {"width": look[0], "height": 800}, "color_scheme": look[1]}


@EVERY_LOOK
def test_the_return_page_in_every_state(page: Page, pages: Path, look):
    for name in STATES:
        for path in (pages / f"{name}.html", pages / f"{name}_bare.html"):
            page.set_content(shown(path))
            assert_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= look[0], path.name


@pytest.mark.parametrize(("pages", "look"), LOOKS[:1], indirect=True)
def test_the_return_page_in_print(page: Page, pages: Path):
    page.set_content(shown(pages / "paid.html"))
    page.emulate_media(media="print", color_scheme="dark")

    assert page.locator("body").evaluate("body => getComputedStyle(body).color") == "rgb(0, 0, 0)"
    assert page.locator(".checkout-actions:visible, button:visible, .checkout-documents:visible").count() == 0
