"""Stripe's rules for single values of a new session's parameters, as tables.

Limits without another source are from the docstrings of ``stripe/params/checkout/_session_create_params.py``.
Names of parameters are paths; ``[]`` stands for every item of a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.state.clock import Clock

MAX_TRIAL_DAYS = 730
MIN_TRIAL_SECONDS = 2 * 24 * 3600
MAX_QUANTITY = 999_999

#: The smallest and the largest value of integers.
RANGES = {
    "line_items[].adjustable_quantity.maximum": (0, MAX_QUANTITY),
    "line_items[].adjustable_quantity.minimum": (0, MAX_QUANTITY),
    "optional_items[].adjustable_quantity.maximum": (0, MAX_QUANTITY),
    "optional_items[].adjustable_quantity.minimum": (0, MAX_QUANTITY),
}
MAX_OPTIONS = 200

#: https://docs.stripe.com/get-started/account/statement-descriptors
FORBIDDEN_IN_DESCRIPTORS = re.compile(r"[<>\\'\"*]")


def check_values(params: Doc) -> None:
    """Raise Stripe's error for the first value that breaks a rule."""
    for path, (smallest, largest) in RANGES.items():
        for where, value in find_values(params, path):
            if not smallest <= value <= largest:
                limit = (
                    f"greater than or equal to {smallest}" if value < smallest else f"less than or equal to {largest}"
                )
                raise invalid_integer(f"This value must be {limit}.", where)
    for check, paths in CHECKS.items():
        for path in paths:
            for where, value in find_values(params, path):
                check(value, where)
    check_descriptors(params.get("payment_intent_data", {}), "payment_intent_data")
    _check_fields(params.get("custom_fields", []))


def find_values(node: object, path: str, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values that are sent for a path, each with the name of its parameter."""
    step, _, rest = path.partition(".")
    name = step.removesuffix("[]")
    if not isinstance(node, dict) or name not in node:
        return
    inner = f"{where}[{name}]" if where else name
    found = [(inner, node[name])]
    if step.endswith("[]"):
        found = [(f"{inner}[{index}]", item) for index, item in enumerate(node[name] or [])]
    for place, value in found:
        if rest:
            yield from find_values(value, rest, place)
        else:
            yield place, value


def _check_descriptor(text: str, param: str) -> None:
    """Raise Stripe's error for a statement descriptor, or a part of one, with other characters than allowed."""
    if FORBIDDEN_IN_DESCRIPTORS.search(text):
        message = "The statement descriptor must not contain any of the following characters: < > \\ ' \" *"
        raise ApiError(message, param=param, code="invalid_characters")
    if not re.search(r"[A-Za-z]", text):
        raise ApiError("The statement descriptor must contain at least one letter.", param=param)


def check_descriptors(params: Doc, param: str = "") -> None:
    """Raise Stripe's error for an invalid statement descriptor or suffix of a payment."""
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        if params.get(name):
            _check_descriptor(params[name], f"{param}[{name}]" if param else name)


def check_trial(params: Doc, clock: Clock) -> None:
    """Raise Stripe's error for a trial that is too short or too long.

    The client's clock does not move with the emulator's, so ``trial_end`` may be valid by either clock.
    """
    trial = params.get("subscription_data", {})
    days = trial.get("trial_period_days", 1)
    if days < 1:
        raise invalid_integer("Invalid positive integer", "subscription_data[trial_period_days]")
    check_trial_days(days, "subscription_data[trial_period_days]")
    if "trial_end" in trial and trial["trial_end"] < clock.wall_now() + MIN_TRIAL_SECONDS:
        message = "The `trial_end` date has to be at least 2 days in the future."
        raise ApiError(message, param="subscription_data[trial_end]")


def check_trial_days(days: int, param: str) -> None:
    """Raise Stripe's error for a trial that is too long: stripe/stripe-ruby#804."""
    if days > MAX_TRIAL_DAYS:
        message = f"The maximum number of trial period days is {MAX_TRIAL_DAYS} (2 years)."
        raise ApiError(message, param=param)


def invalid_integer(message: str, param: str) -> ApiError:
    """Return Stripe's error for an integer that is out of range."""
    return ApiError(message, code="parameter_invalid_integer", param=param)


def _check_alphanumeric(text: str, param: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]+", text):
        raise ApiError(f"Invalid value: '{text}'. It must be alphanumeric.", param=param)


def _check_key(text: str, param: str) -> None:
    # Stripe accepts underscores: TryGhost/Ghost#30304.
    _check_alphanumeric(text.replace("_", "a"), param)


def _check_color(color: str, param: str) -> None:
    if color and not re.fullmatch(r"#[0-9A-Fa-f]{3,8}", color):
        raise ApiError(f"Invalid hex color: {color}", param=param)


def _check_image(image: Doc, param: str) -> None:
    needed, other = ("url", "file") if image["type"] == "url" else ("file", "url")
    if needed not in image or other in image:
        raise ApiError(f"`{needed}` is required if `type` is `{needed}`, and disallowed otherwise.", param=param)


def _check_branding(branding: Doc, param: str) -> None:
    # The docstring of ``Session.BrandingSettings.icon`` in the stripe library.
    if "icon" in branding and "logo" in branding:
        raise ApiError("You cannot set both `logo` and `icon`.", param=param)


def _check_fields(fields: list[Doc]) -> None:
    _check_unique([field["key"] for field in fields], "custom_fields")
    for index, field in enumerate(fields):
        options = [option["value"] for option in field.get("dropdown", {}).get("options", [])]
        param = f"custom_fields[{index}][dropdown]"
        if len(options) > MAX_OPTIONS:
            raise ApiError(f"Array options exceeded maximum {MAX_OPTIONS} allowed elements.", param=f"{param}[options]")
        _check_unique(options, f"{param}[options]")
        if field.get("dropdown", {}).get("default_value", options[0] if options else None) not in [None, *options]:
            raise ApiError("The default value must match one of the options.", param=f"{param}[default_value]")


def _check_unique(values: list[str], param: str) -> None:
    if len(set(values)) < len(values):
        raise ApiError(f"The values in `{param}` must be unique.", param=param)


#: The checks of single values, and the parameters that they apply to.
CHECKS: dict[Callable[[Any, str], None], tuple[str, ...]] = {
    _check_alphanumeric: ("custom_fields[].dropdown.options[].value",),
    _check_key: ("custom_fields[].key",),
    _check_color: ("branding_settings.background_color", "branding_settings.button_color"),
    _check_branding: ("branding_settings",),
    _check_image: ("branding_settings.icon", "branding_settings.logo"),
}
