"""Every parameter of the app's requests, misspelled, moved or of another type, is seen by both judges.

The judges are Stripe's document, in which every object is closed, and the types of the installed SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from stripe.params.checkout import SessionCreateParams

from django_checkout.conf import UI_MODES
from django_checkout.models import Order, OrderLine
from django_checkout.params import build
from django_checkout.params.options import REDIRECT, option_params
from django_checkout.params.rules import MODES
from django_checkout.values import CheckoutOptions
from tests.conformance.document import VERSION
from tests.conformance.test_options import LINE, OPTIONS, is_taken
from tests.conformance.typed import adapter
from tests.encoding import encode, fields

pytestmark = pytest.mark.conformance

Path = tuple[str | int, ...]
CASES = [(mode, ui_mode) for mode in MODES for ui_mode in UI_MODES]
EXCLUSIVE = {"allow_promotion_codes", "coupon", "promotion_code", "discount_minor", "discount_name"}
URLS = {
    "hosted_page": {"success_url": "https://shop.example.com/", "cancel_url": "https://shop.example.com/cart/"},
    "embedded_page": {"return_url": "https://shop.example.com/"},
    "elements": {"return_url": "https://shop.example.com/"},
}


def requested(mode: str, ui_mode: str, *more: str, customer_id: str = "") -> dict[str, Any]:
    """Return the request of an order with all options that the modes take; of exclusive ones only ``more``."""
    options: dict[str, Any] = {}
    for name, values in OPTIONS.items():
        # Left out of the request of another page before it is built.
        is_ignored = name == REDIRECT and ui_mode != "embedded_page"
        if is_taken(name, mode, ui_mode) and not is_ignored and (name not in EXCLUSIVE or name in more):
            options |= values
    order = Order(reference="A-1", currency="eur", email="sam@example.com", locale="pt-br", metadata={"shop": "north"})
    fields = {name: value for name, value in LINE.items() if value is not None}
    line = OrderLine(**{**fields, "recurring_interval": "month" if mode == "subscription" else ""})
    params = build.build(
        order,
        () if mode == "setup" else (line,),
        mode=mode,
        ui_mode=ui_mode,
        capture_method="manual" if mode == "payment" else "",
        options=[option_params(CheckoutOptions(**options), mode=mode, currency="eur")],
        customer_id=customer_id,
    )
    expires_at = datetime(2030, 1, 1, tzinfo=UTC)
    return dict(build.complete(params, order, session_uuid="0" * 32, expires_at=expires_at, urls=URLS[ui_mode]))


def requests() -> Iterator[dict[str, Any]]:
    for mode, ui_mode in CASES:
        yield requested(mode, ui_mode)
        yield requested(mode, ui_mode, customer_id="cus_1")
        if mode != "setup":
            for name in ("allow_promotion_codes", "coupon", "promotion_code"):
                yield requested(mode, ui_mode, name)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every parameter; the keys of metadata are free."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        if key != "metadata":
            yield from paths(item, (*path, key))


def at(request: Any, path: Path) -> Any:
    for key in path:
        request = request[key]
    return request


def misspelled(request: dict[str, Any], path: Path) -> None:
    parent = at(request, path[:-1])
    parent[f"{path[-1]}x"] = parent.pop(path[-1])


def lifted(request: dict[str, Any], path: Path) -> None:
    above = [key for key in path[:-1] if isinstance(key, str)]
    parent = at(request, path[: path.index(above[-1])] if above else ())
    parent[path[-1]] = at(request, path[:-1]).pop(path[-1])


def sunk(request: dict[str, Any], path: Path) -> None:
    parent = at(request, path[:-1])
    parent[path[-1]] = {path[-1]: parent[path[-1]]}


def mistyped(request: dict[str, Any], path: Path) -> None:
    parent, value = at(request, path[:-1]), at(request, path)
    parent[path[-1]] = {"x": "1"} if isinstance(value, str | list) else "wrong"


CHANGES = (misspelled, lifted, sunk, mistyped)


def mutants() -> dict[str, dict[str, Any]]:
    """Return requests with one fault each, by the fault and the parameter."""
    found: dict[str, dict[str, Any]] = {}
    for request in requests():
        for path in paths(request):
            if isinstance(path[-1], int):
                continue
            for change in CHANGES:
                name = f"{change.__name__} {'.'.join(key for key in path if isinstance(key, str))}"
                if name in found or (change is lifted and len(path) == 1):
                    continue
                changed = deepcopy(request)
                change(changed, path)
                found[name] = changed
    return found


@pytest.fixture(scope="module")
def planted() -> dict[str, dict[str, Any]]:
    return mutants()


def is_typed(request: dict[str, Any]) -> bool:
    try:
        adapter(SessionCreateParams).validate_python(request)
    except ValidationError:
        return False
    return True


def is_documented(validator: Any, request: dict[str, Any]) -> bool:
    body = encode(fields(request))
    validator.check_request("POST", "/v1/checkout/sessions", {"Stripe-Version": VERSION}, body)
    faults, validator.faults = validator.faults, []
    return not faults


def test_requests_without_a_fault_are_valid(validator):
    for request in requests():
        assert is_typed(request)
        assert is_documented(validator, request)


def test_every_field_of_every_option_is_in_a_request():
    sent = {".".join(str(key) for key in path) for request in requests() for path in paths(request)}
    assert len(sent) > 90


#: Metadata one level higher is the session's own.
SAME = {f"lifted {name}.metadata" for name in ("payment_intent_data", "subscription_data", "setup_intent_data")}


def test_the_sdk_sees_every_fault(planted):
    assert {name for name, request in planted.items() if is_typed(request)} == SAME


def test_the_document_sees_every_fault(planted, validator):
    assert {name for name, request in planted.items() if is_documented(validator, request)} == SAME
