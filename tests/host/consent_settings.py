"""The demo of a shop whose checkout asks for consent."""

from __future__ import annotations

from example_project.settings import *  # noqa: F403

CHECKOUT_SESSION_DEFAULTS = {"consent_collection": {"terms_of_service": "required", "promotions": "auto"}}
