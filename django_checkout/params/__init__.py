"""An order and the host's options made into the SDK's parameters, and the rules that Stripe holds them to.

Nothing here calls Stripe. ``build`` gives all that identifies a request; ``complete`` adds what belongs to one attempt
(ids, expiry, links), so that an unchanged request can be recognised and reused.
"""

from __future__ import annotations

from django_checkout.params.build import (
    LINKS,
    build,
    complete,
    coupon_id,
    fingerprint,
    is_adjustable,
    is_manual_capture,
    line_items,
    without_attempt,
)
from django_checkout.params.options import option_params, shipping_option
from django_checkout.params.rules import (
    MAXIMUM_ITEMS,
    MODES,
    OPTIONAL_PARAMETERS,
    OWN_PARAMETERS,
    RULES,
    check_modes,
    check_placed,
    validate_defaults,
)

__all__ = [
    "LINKS",
    "MAXIMUM_ITEMS",
    "MODES",
    "OPTIONAL_PARAMETERS",
    "OWN_PARAMETERS",
    "RULES",
    "build",
    "check_modes",
    "check_placed",
    "complete",
    "coupon_id",
    "fingerprint",
    "is_adjustable",
    "is_manual_capture",
    "line_items",
    "option_params",
    "shipping_option",
    "validate_defaults",
    "without_attempt",
]
