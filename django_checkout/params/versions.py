"""Adapts session parameters to the API version, so that nothing else changes with ``CHECKOUT_API_VERSION``.

https://docs.stripe.com/changelog/endive/2026-09-30/remove-payment-method-types-checkout-sessions
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_checkout.api_versions import DAHLIA, ENDIVE
from django_checkout.exceptions import ParameterError

#: The methods that a session offers, whatever the Dashboard says; removed in endive.
LISTED = "payment_method_types"
#: The methods that a session offers of those that the Dashboard allows; added in endive.
ALLOWED = "allowed_payment_method_types"

#: The most characters of a custom field's label.
MAXIMUM_LABEL: Mapping[str, int] = {DAHLIA: 50, ENDIVE: 100}


def for_version(params: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return parameters as an API version names them. Of two names for the same, the version's own is sent.

    Raises:
        ParameterError: the version has no such parameter, and no other one means the same.
    """
    adapted = dict(params)
    if version == DAHLIA:
        if adapted.pop(ALLOWED, None) is not None and LISTED not in adapted:
            raise ParameterError(
                f"The parameter {ALLOWED!r} needs CHECKOUT_API_VERSION = {ENDIVE!r}; {DAHLIA} has only {LISTED!r}."
            )
    elif (listed := adapted.pop(LISTED, None)) is not None:
        adapted.setdefault(ALLOWED, listed)
    return adapted
