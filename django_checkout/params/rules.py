"""Which parameter Stripe allows in which mode and UI mode, as a table; refused here, before any call.

https://docs.stripe.com/api/checkout/sessions/create, as of API version 2026-08-26.dahlia.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_checkout.conf import RENAMED_UI_MODES, UI_MODES
from django_checkout.exceptions import ParameterError
from django_checkout.metadata import check_metadata

MODES = ("payment", "subscription", "setup")

#: What the order, the arguments of ``start`` or the URLs decide; naming them again would contradict us.
OWN_PARAMETERS = frozenset(
    (
        "mode",
        "ui_mode",
        "line_items",
        "client_reference_id",
        "expires_at",
        "success_url",
        "cancel_url",
        "return_url",
        "metadata",
    )
)

#: Parameter (dots lead inwards) to the UI modes that refuse it.
REFUSED_BY_UI_MODE: Mapping[str, tuple[str, ...]] = {
    "after_expiration": ("elements",),
    "branding_settings": ("elements",),
    "custom_fields": ("elements",),
    "custom_text": ("elements",),
    "optional_items": ("elements",),
    "origin_context": ("elements",),
    "payment_method_options.acss_debit": ("elements",),
    "payment_method_options.card.restrictions": ("elements",),
    "permissions": ("hosted_page",),
    "permissions.update_shipping_details": ("hosted_page", "embedded_page"),
    "redirect_on_completion": ("hosted_page", "elements"),
    "submit_type": ("elements",),
    "tax_id_collection.required": ("elements",),
}

#: Parameter to the modes that refuse it.
REFUSED_BY_MODE: Mapping[str, tuple[str, ...]] = {
    "allow_promotion_codes": ("setup",),
    "automatic_tax": ("setup",),
    "customer_creation": ("subscription",),
    "discounts": ("setup",),
    "invoice_creation": ("subscription", "setup"),
    "optional_items": ("setup",),
    "payment_intent_data": ("subscription", "setup"),
    "payment_method_collection": ("payment", "setup"),
    "phone_number_collection": ("setup",),
    "saved_payment_method_options": ("setup",),
    "setup_intent_data": ("payment", "subscription"),
    "shipping_options": ("setup",),
    "submit_type": ("setup",),
    "subscription_data": ("payment", "setup"),
}

#: Pairs of which Stripe takes one at most; even ``allow_promotion_codes=False`` counts.
EXCLUSIVE = (
    ("customer", "customer_email"),
    ("customer", "customer_creation"),
    ("discounts", "allow_promotion_codes"),
)
#: Parameter to the one that it needs.
NEEDS: Mapping[str, str] = {"customer_update": "customer"}


def check_modes(mode: str, ui_mode: str) -> None:
    """Refuse modes that do not exist, naming what a renamed one is called now.

    Raises:
        ParameterError: naming the mode.
    """
    if mode not in MODES:
        raise ParameterError(f"mode={mode!r} is not one of: {', '.join(MODES)}.")
    if ui_mode in RENAMED_UI_MODES:
        raise ParameterError(f"ui_mode={ui_mode!r} is called {RENAMED_UI_MODES[ui_mode]!r} since API 2026-03-25.")
    if ui_mode not in UI_MODES:
        raise ParameterError(f"ui_mode={ui_mode!r} is not one of: {', '.join(UI_MODES)}.")


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what is ours to set, and metadata that Stripe may not have, however deep.

    Raises:
        ParameterError: naming the parameter.
        MetadataError: naming the key.
    """
    for name in options:
        if name in OWN_PARAMETERS:
            raise ParameterError(f"The parameter {name!r} is set by django_checkout from the order and its settings.")
    _check_nested_metadata(options)


def check_combination(params: Mapping[str, Any]) -> None:
    """Refuse combinations that Stripe does not allow.

    Raises:
        ParameterError: naming the parameter and the mode, the UI mode or the other parameter.
    """
    for name, ui_modes in REFUSED_BY_UI_MODE.items():
        if params["ui_mode"] in ui_modes and _has(params, name):
            raise ParameterError(f"The parameter {name!r} is not allowed with ui_mode={params['ui_mode']!r}.")
    for name, modes in REFUSED_BY_MODE.items():
        if params["mode"] in modes and _has(params, name):
            raise ParameterError(f"The parameter {name!r} is not allowed with mode={params['mode']!r}.")
    for one, other in EXCLUSIVE:
        if one in params and other in params:
            raise ParameterError(f"Stripe takes only one of {one!r} and {other!r}.")
    for name, needed in NEEDS.items():
        if name in params and needed not in params:
            raise ParameterError(f"The parameter {name!r} needs {needed!r}.")


def _has(params: Mapping[str, Any], name: str) -> bool:
    value: Any = params
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _check_nested_metadata(value: Any) -> None:
    if isinstance(value, Mapping):
        for name, nested in value.items():
            if name == "metadata" and isinstance(nested, Mapping):
                check_metadata(nested)
            else:
                _check_nested_metadata(nested)
    elif isinstance(value, (list, tuple)):
        for nested in value:
            _check_nested_metadata(nested)
