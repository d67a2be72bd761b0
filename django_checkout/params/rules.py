"""Stripe's rules for combinations of session parameters, as a table with sources.

The rules are applied before any call. A refused parameter raises an error, or is removed if only the site's defaults
set it; a required parameter is added. They are the same in all versions of the API that the app speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from django_checkout.conf import RENAMED_UI_MODES, UI_MODES, conf
from django_checkout.exceptions import ParameterError
from django_checkout.params.metadata import usable_metadata
from django_checkout.params.versions import for_version

MODES = ("payment", "subscription", "setup")

#: The URLs that Stripe redirects the shopper to.
LINKS = frozenset(("success_url", "cancel_url", "return_url"))
#: Parameters that differ between two attempts with the same request.
ATTEMPT_PARAMETERS = LINKS | {"metadata", "client_reference_id", "expires_at"}
#: Parameters that the order, the arguments of ``start`` or the URLs determine.
OWN_PARAMETERS = ATTEMPT_PARAMETERS | {"mode", "ui_mode", "line_items"}

#: The conditions that a parameter is set, to any value, and that it is not set.
SET: Final = ("set",)
ABSENT: Final = ("absent",)

REFERENCE = "https://docs.stripe.com/api/checkout/sessions/create"
SHIPPING_GUIDE = "https://docs.stripe.com/payments/checkout/custom-shipping-options"
TAX_GUIDE = "https://docs.stripe.com/tax/checkout"
TAX_ID_GUIDE = "https://docs.stripe.com/tax/checkout/tax-ids"
SAVING_GUIDE = "https://docs.stripe.com/payments/checkout/save-during-payment"
RETURN_GUIDE = "https://docs.stripe.com/payments/checkout/custom-success-page?payment-ui=embedded-form"
SETUP_REPORT = "https://github.com/invertase/stripe-firebase-extensions/issues/519"
SETUP_TAX_REPORT = "https://github.com/laravel/cashier-stripe/issues/1581"
TAX_REPORT = "https://github.com/laravel/cashier-stripe/issues/1778"
TAX_ID_REPORT = "https://github.com/laravel/cashier-stripe/issues/1585"
INVOICE_REPORT = "https://github.com/Azuriom/Plugin-Shop/pull/273"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """If all of ``when`` holds, ``refuses`` must not be set, or ``needs`` must be. Names are dotted paths."""

    source: str
    #: The values of each parameter for which the rule applies, or ``SET`` or ``ABSENT``.
    when: Mapping[str, tuple[Any, ...]]
    refuses: str = ""
    #: Whether the site's default for ``refuses`` may be removed, because it only changes what the page shows or offers.
    is_dispensable: bool = True
    needs: str = ""
    #: The value that is added for ``needs``.
    value: Any = None
    #: The valid values of ``needs``; any if empty.
    accepts: tuple[Any, ...] = ()


def _refused(
    *names: str, is_dispensable: bool = True, source: str = REFERENCE, **when: tuple[Any, ...]
) -> Iterator[Rule]:
    return (Rule(source=source, when=when, refuses=name, is_dispensable=is_dispensable) for name in names)


def _with_customer(needs: str, source: str, accepts: tuple[str, ...] = (), **when: tuple[Any, ...]) -> Rule:
    conditions = {name.replace("__", "."): values for name, values in when.items()}
    return Rule(source=source, when={"customer": SET, **conditions}, needs=needs, value="auto", accepts=accepts)


_ELEMENTS, _HOSTED = ("elements",), ("hosted_page",)
_PAYMENT, _SUBSCRIPTION, _SETUP = ("payment",), ("subscription",), ("setup",)
_ON = (True,)

RULES: Sequence[Rule] = (
    # UI modes.
    *_refused("after_expiration", "branding_settings", "custom_text", "optional_items", ui_mode=_ELEMENTS),
    *_refused("origin_context", "payment_method_options.acss_debit", "submit_type", ui_mode=_ELEMENTS),
    *_refused("custom_fields", "tax_id_collection.required", ui_mode=_ELEMENTS, is_dispensable=False),
    *_refused("payment_method_options.card.restrictions", ui_mode=_ELEMENTS, is_dispensable=False),
    *_refused("permissions", "return_url", ui_mode=_HOSTED, is_dispensable=False),
    *_refused("permissions.update_shipping_details", ui_mode=("hosted_page", "embedded_page"), is_dispensable=False),
    *_refused("redirect_on_completion", ui_mode=("hosted_page", "elements")),
    *_refused("success_url", "cancel_url", ui_mode=("embedded_page", "elements"), is_dispensable=False),
    *_refused("return_url", redirect_on_completion=("never",), is_dispensable=False, source=RETURN_GUIDE),
    # Modes.
    *_refused("line_items", mode=_SETUP, is_dispensable=False),
    *_refused("allow_promotion_codes", "discounts", mode=_SETUP, source=SETUP_REPORT),
    *_refused("shipping_options", mode=("subscription", "setup"), is_dispensable=False, source=SHIPPING_GUIDE),
    Rule(
        source=INVOICE_REPORT,
        when={"mode": ("subscription", "setup"), "invoice_creation.enabled": _ON},
        refuses="invoice_creation",
    ),
    *_refused("customer_creation", mode=_SUBSCRIPTION),
    *_refused("payment_intent_data", mode=("subscription", "setup")),
    *_refused("subscription_data", "payment_method_collection", mode=("payment", "setup")),
    *_refused("setup_intent_data", mode=("payment", "subscription")),
    *_refused("optional_items", "phone_number_collection", "submit_type", mode=_SETUP),
    *_refused("saved_payment_method_options", mode=_SETUP),
    Rule(source=SETUP_TAX_REPORT, when={"mode": _SETUP, "automatic_tax.enabled": _ON}, refuses="automatic_tax"),
    # Mutually exclusive, even with ``allow_promotion_codes=False``.
    *_refused("customer_email", "customer_creation", customer=SET),
    *_refused("allow_promotion_codes", discounts=SET),
    *_refused("discounts", allow_promotion_codes=SET),
    # With an existing Customer, Checkout must save what it collects to the Customer.
    *_refused("customer_update", customer=ABSENT),
    Rule(
        source=REFERENCE,
        when={"customer_update.shipping": ("auto",), "shipping_address_collection": ABSENT},
        refuses="customer_update.shipping",
    ),
    _with_customer("customer_update.address", TAX_REPORT, automatic_tax__enabled=_ON),
    _with_customer(
        "customer_update.shipping",
        TAX_GUIDE,
        accepts=("auto",),
        automatic_tax__enabled=_ON,
        shipping_address_collection=SET,
    ),
    _with_customer("customer_update.name", TAX_ID_REPORT, accepts=("auto",), tax_id_collection__enabled=_ON),
    _with_customer("customer_update.address", TAX_ID_GUIDE, tax_id_collection__enabled=_ON),
    _with_customer("customer_update.address", REFERENCE, billing_address_collection=("required",)),
    _with_customer("customer_update.name", REFERENCE, name_collection=SET),
    Rule(
        source=SAVING_GUIDE,
        when={"mode": _PAYMENT, "customer": ABSENT, "saved_payment_method_options.payment_method_save": ("enabled",)},
        needs="customer_creation",
        value="always",
    ),
)

#: Parameters whose values Stripe may refuse for other reasons, and without which a session works.
OPTIONAL_PARAMETERS = frozenset(("branding_settings", "customer_email", "locale"))
#: The most items that Stripe accepts.
MAXIMUM_ITEMS: Mapping[str, int] = {"custom_fields": 3, "discounts": 1, "optional_items": 10, "shipping_options": 5}


def check_modes(mode: str, ui_mode: str) -> None:
    """Check a mode and a UI mode.

    Raises:
        ParameterError: the mode does not exist, or was renamed.
    """
    if mode not in MODES:
        raise ParameterError(f"mode={mode!r} is not one of: {', '.join(MODES)}.")
    if ui_mode in RENAMED_UI_MODES:
        raise ParameterError(f"ui_mode={ui_mode!r} was renamed to {RENAMED_UI_MODES[ui_mode]!r} in API 2026-03-25.")
    if ui_mode not in UI_MODES:
        raise ParameterError(f"ui_mode={ui_mode!r} is not one of: {', '.join(UI_MODES)}.")


def check_placed(params: Mapping[str, Any], *, mode: str, ui_modes: Sequence[str]) -> None:
    """Check that at least one UI mode of the site allows an order's parameters.

    Raises:
        ParameterError: none does.
    """
    errors = []
    for ui_mode in ui_modes:
        try:
            check_combination({**params, "mode": mode, "ui_mode": ui_mode}, filled_in=False)
        except ParameterError as error:
            errors.append(error)
    if len(errors) == len(ui_modes):
        raise errors[0]


def validate_defaults(defaults: Mapping[str, Any], *, ui_mode: str) -> None:
    """Check that a payment can be started in a UI mode with the site's defaults.

    Raises:
        ParameterError: a parameter is not allowed.
        MetadataError: nested metadata is invalid.
    """
    options = {name: value for name, value in defaults.items() if name not in OWN_PARAMETERS}
    options = for_version(checked_options(options), conf.CHECKOUT_API_VERSION)
    params = {"mode": "payment", "ui_mode": ui_mode, **options}
    leave_out(params, ())
    check_combination(params, filled_in=False)


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with usable nested metadata.

    Raises:
        ParameterError: a parameter is reserved.
        MetadataError: nested metadata is invalid.
    """
    for name in options:
        if name in OWN_PARAMETERS:
            raise ParameterError(f"The parameter {name!r} is set by django_checkout from the order and the settings.")
    return {name: _checked_metadata(value) for name, value in options.items()}


def leave_out(params: dict[str, Any], explicit: Iterable[str]) -> None:
    """Remove dispensable parameters that a rule refuses, except the ``explicit`` ones of the order or the caller."""
    kept = frozenset(explicit)
    for rule in RULES:
        if rule.refuses and rule.is_dispensable and rule.refuses.split(".")[0] not in kept and _holds(rule, params):
            _drop(params, rule.refuses)


def fill_in(params: dict[str, Any]) -> None:
    """Add the parameters that rules need and that are not set."""
    for rule in RULES:
        if rule.needs and _holds(rule, params) and _get(params, rule.needs) is None:
            *path, last = rule.needs.split(".")
            node = params
            for step in path:
                node[step] = dict(node.get(step) or {})
                node = node[step]
            node[last] = deepcopy(rule.value)


def check_combination(params: Mapping[str, Any], *, filled_in: bool = True) -> None:
    """Check the rules; needed parameters only after they have been ``filled_in``.

    Raises:
        ParameterError: Stripe does not allow the combination.
    """
    for rule in RULES:
        if not _holds(rule, params):
            continue
        found = _get(params, rule.refuses or rule.needs)
        reason = ", ".join(_described(name, values) for name, values in rule.when.items())
        if rule.refuses and found is not None:
            raise ParameterError(f"The parameter {rule.refuses!r} is not allowed with {reason}.")
        if rule.needs and filled_in and (found is None or (rule.accepts and found not in rule.accepts)):
            raise ParameterError(f"The parameter {rule.needs!r} must be {rule.value!r} with {reason}.")
    for name, maximum in MAXIMUM_ITEMS.items():
        if len(params.get(name) or ()) > maximum:
            raise ParameterError(f"{name}: Stripe accepts at most {maximum}.")


def _holds(rule: Rule, params: Mapping[str, Any]) -> bool:
    for name, values in rule.when.items():
        found = _get(params, name)
        if values in (SET, ABSENT):
            if (found is not None) != (values == SET):
                return False
        elif found not in values:
            return False
    return True


def _described(name: str, values: tuple[Any, ...]) -> str:
    if values == SET:
        return repr(name)
    if values == ABSENT:
        return f"no {name!r}"
    return f"{name}={' or '.join(repr(value) for value in values)}"


def _get(params: Mapping[str, Any], name: str) -> Any:
    value: Any = params
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _drop(params: dict[str, Any], name: str) -> None:
    """Remove a parameter and the mappings that become empty; shared mappings are copied, not changed."""
    first, _dot, rest = name.partition(".")
    if not rest:
        params.pop(first, None)
    elif isinstance(params.get(first), Mapping):
        inner = dict(params[first])
        _drop(inner, rest)
        params[first] = inner
        if not inner:
            del params[first]


def _checked_metadata(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: usable_metadata(nested)
            if name == "metadata" and isinstance(nested, Mapping)
            else _checked_metadata(nested)
            for name, nested in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_checked_metadata(nested) for nested in value]
    return value
