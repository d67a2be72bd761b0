"""Checks of accessibility with axe-core."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SEVERE = {"serious", "critical"}


def assert_accessible(page: Page) -> None:
    """Assert that axe-core finds nothing serious on the page and in its frames."""
    violations = Axe().run(page).response["violations"]
    severe = [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in SEVERE
        for node in violation["nodes"]
    ]
    assert severe == []
