"""The formats of texts, which Stripe checks wherever a parameter of their name is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from django_checkout.emulator.api.document import parameters_of
from django_checkout.emulator.messages import ApiError

#: Derived from known refusals: surrounding white space (stripe/stripe-dotnet#1897), no domain, a domain without a dot.
#: The limit of 64 characters is RFC 5321's.
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*\.[^@\s.]{2,}")
URL = re.compile(r"https?://[^\s/?#]+\S*")
TAX_CODE = re.compile(r"txcd_\d{8}")
#: The countries that Checkout does not ship to: ``ShippingAddressCollection.allowed_countries``.
NOT_SHIPPED_TO = frozenset(["AS", "CX", "CC", "CU", "HM", "IR", "KP", "MH", "FM", "NF", "MP", "PW", "SY", "UM", "VI"])


def check_formats(params: object) -> None:
    """Raise Stripe's error for the first text that does not have the format of its name."""
    for path, name, text in _texts(params):
        if text and name in FORMATS:
            FORMATS[name](text, path)


def check_email(address: str, param: str) -> None:
    """Raise Stripe's error for an invalid e-mail address."""
    if not EMAIL.fullmatch(address):
        raise ApiError(f"Invalid email address: {address}", code="email_invalid", param=param)


def check_url(url: str, param: str) -> None:
    """Raise Stripe's error for a URL that is not absolute, or not of http or https."""
    if not URL.fullmatch(url):
        raise ApiError("Not a valid URL", code="url_invalid", param=param)


def _check_country(code: str, param: str) -> None:
    # craftcms/commerce-stripe#59, sap-labs-france/ev-server#2420
    if code.upper() not in _countries():
        message = (
            f"Country '{code}' is unknown. Try using a 2-character alphanumeric country code instead, such as 'US', "
            "'EG', or 'GB'. A full list of country codes is available at "
            "https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2#Officially_assigned_code_elements"
        )
        raise ApiError(message, param=param)


def _check_tax_code(code: str, param: str) -> None:
    if not TAX_CODE.fullmatch(code):
        raise ApiError(f"No such tax code: '{code}'", code="resource_missing", param=param)


@cache
def _countries() -> frozenset[str]:
    shipped_to = parameters_of("POST /v1/checkout/sessions").find("shipping_address_collection.allowed_countries")
    return frozenset(shipped_to.kind.split()[2:]) | NOT_SHIPPED_TO


def _texts(node: object, path: str = "", name: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the path, the name and the value of every text."""
    if isinstance(node, str):
        yield path, name, node
    elif isinstance(node, dict):
        for key, value in node.items():
            if key != "metadata":
                yield from _texts(value, f"{path}[{key}]" if path else key, key)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _texts(item, f"{path}[{index}]", name)


#: The checks by the name of the parameter, at any depth.
FORMATS: dict[str, Callable[[str, str], None]] = {
    "country": _check_country,
    "customer_email": check_email,
    "email": check_email,
    "receipt_email": check_email,
    "tax_code": _check_tax_code,
}
