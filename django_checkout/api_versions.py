"""The versions of Stripe's API that the app speaks. ``CHECKOUT_API_VERSION`` names one of them.

https://docs.stripe.com/changelog/endive
"""

from __future__ import annotations

from typing import Final

DAHLIA: Final = "2026-08-26.dahlia"
ENDIVE: Final = "2026-10-28.endive"
#: The default first.
API_VERSIONS = (DAHLIA, ENDIVE)


def stripe_js_url(version: str, base_url: str = "https://js.stripe.com") -> str:
    """Return the URL of Stripe.js in the release of an API version; ``base_url`` may be the emulator's."""
    return f"{base_url}/{version.partition('.')[2]}/stripe.js"
