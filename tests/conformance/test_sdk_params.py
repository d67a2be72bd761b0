"""The parameters that the emulator knows, compared with those of the installed SDK in its API version."""

from __future__ import annotations

import re
from typing import Any

import pytest
from stripe._api_version import _ApiVersion

from django_checkout.emulator.api.document import Parameter, parameters_of
from django_checkout.emulator.api.routes import ROUTES
from django_checkout.emulator.reference.versions import PLAYED
from tests.conformance.sdk_params import operations, shape_of

pytestmark = pytest.mark.conformance

VERSION = _ApiVersion.CURRENT
if VERSION not in PLAYED:
    pytest.skip(f"the emulator does not play {VERSION}, the version of the installed SDK", allow_module_level=True)

#: Where the SDK's types and Stripe's OpenAPI document differ in every version. The emulator follows the document.
IN_THE_SDK_ONLY = re.compile(
    # Deprecated.
    r"GET /v1/(products type|subscriptions plan)|POST /v1/customers(/{}(/sources)?)? validate"
    r"|POST /v1/(prices recurring.trial_period_days|products type|tokens card)|POST \S+ (\w+\.)*plan$"
    r"|POST /v1/(subscription_schedules/{}|invoices/create_preview) (schedule_details\.)?phases\.currency"
    # Not for everyone.
    r"|POST /v1/checkout/sessions ui_mode form|.* (payment_method_data\.)?fpx\.account_holder_type"
    r"|.* payment_method_options\.(card\.moto|link\.persistent_token)|.* mandate_data\.customer_acceptance\."
)
IN_THE_DOCUMENT_ONLY = re.compile(
    r"POST /v1/customers/{}(/sources)? (alipay_account|bank_account|card|default_(alipay_account|bank_account|card))"
    r"|POST /v1/\w+_intents/{}/confirm client_secret|POST /v1/setup_intents\S* payment_method_options\.link"
    r"|POST /v1/tokens card|GET /v1/customers/{}/cash_balance_transactions/{} expand"
)
#: In the document, as older forms of other operations; the SDK has no methods for them.
NOT_IN_THE_SDK = {"GET /v1/charges/{charge}/dispute", "GET /v1/charges/{charge}/refunds"}
#: The emulator's table has texts instead of their long enumerations.
OPEN = {"api_version", "enabled_events"}


@pytest.mark.parametrize("route", sorted(name for name in ROUTES if " /v1/" in name and name not in NOT_IN_THE_SDK))
def test_emulator_knows_the_parameters_of_the_sdk(route):
    operation = re.sub(r"\{\w+\}", "{}", route)
    assert operation in operations(), "the SDK has no such operation"

    ours = _paths(_shape(parameters_of(route, VERSION)), operation)
    theirs = _paths(shape_of(operation), operation)

    assert [name for name in sorted(ours - theirs) if not IN_THE_DOCUMENT_ONLY.match(name)] == []
    assert [name for name in sorted(theirs - ours) if not IN_THE_SDK_ONLY.match(name)] == []


def _shape(parameter: Parameter) -> Any:
    if parameter.children:
        return {name: _shape(child) for name, child in parameter.children.items()}
    match = re.search(r"enum (.*)", parameter.kind)
    return frozenset(match[1].split("|")[0].split()) if match else None


def _paths(shape: Any, operation: str, path: str = "") -> set[str]:
    """Return the paths of all parameters below one, and of the values of enumerations."""
    if isinstance(shape, dict):
        lead = f"{path}." if path else ""
        return {found for name, item in shape.items() for found in _paths(item, operation, f"{lead}{name}")}
    values = {f"{operation} {path} {value}" for value in shape or () if path not in OPEN}
    return {f"{operation} {path}", *values} if path else set()
