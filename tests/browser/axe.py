"""What axe-core says of a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = {"serious", "critical"}


def assert_accessible(page: Page) -> None:
    """See that axe-core finds nothing serious on the page and in its frames."""
    violations = Axe().run(page).response["violations"]
    grave = [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]
    assert grave == []
