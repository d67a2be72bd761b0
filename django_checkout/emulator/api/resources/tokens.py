"""Tokens of test cards, and card details in parameters."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial

from django_checkout.emulator.api.calls import Call, Route, retrieve
from django_checkout.emulator.api.resources.pricing import inside, missing
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, StateError, missing_object, not_implemented
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.cards import Card
from django_checkout.emulator.state.state import State

KIND = "token"
BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "MasterCard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
ADDRESS = ("city", "country", "line1", "line2", "state", "zip")
#: A year may be given by its last two digits, and lies at most 50 years ahead.
CENTURY = 2000
MAX_YEARS = 50


def read_card(state: State, params: Doc, param: str = "card") -> tuple[Card, Doc]:
    """Return the test card that ``card`` names by token or number, and its expiry.

    Raises ``ApiError`` as Stripe does for invalid data: https://docs.stripe.com/testing#invalid-data.
    """
    if "token" in params:
        return use_token(state, params["token"], inside(param, "token"))
    for name in ("number", "exp_month", "exp_year"):
        if name not in params:
            raise missing(inside(param, name))
    number = re.sub(r"[\s-]", "", params["number"])
    if not number.isdecimal() or not cards.is_luhn(number):
        raise _invalid("incorrect_number", "Your card number is incorrect.", inside(param, "number"))
    expiry = checked_expiry(state, params, param)
    if not re.fullmatch(r"\d{3,4}", params.get("cvc", "123")):
        raise _invalid("invalid_cvc", "Your card's security code is invalid.", inside(param, "cvc"))
    card = cards.find_card(number)
    if card is None and cards.is_not_played(number):
        raise not_implemented(f"the test card {number}", inside(param, "number"))
    if card is None:
        error = _invalid(cards.UNKNOWN.code, cards.UNKNOWN.message, "")
        error.details = {"decline_code": cards.UNKNOWN.decline_code}
        raise error
    return card, expiry


def checked_expiry(state: State, params: Doc, param: str) -> Doc:
    """Return the month and year of expiry that are sent."""
    expiry: Doc = {}
    for name in ("exp_month", "exp_year"):
        if name in params:
            # Tokens take both as text.
            text = str(params[name])
            expiry[name] = int(text) if re.fullmatch(r"\d{1,4}", text) else -1
    if not 1 <= expiry.get("exp_month", 1) <= 12:
        raise _invalid("invalid_expiry_month", "Your card's expiration month is invalid.", inside(param, "exp_month"))
    if "exp_year" in expiry:
        expiry["exp_year"] += CENTURY if 0 <= expiry["exp_year"] < 100 else 0
        this_year = datetime.fromtimestamp(state.clock.now(), UTC).year
        if not this_year <= expiry["exp_year"] <= this_year + MAX_YEARS:
            raise _invalid("invalid_expiry_year", "Your card's expiration year is invalid.", inside(param, "exp_year"))
    return expiry


def _invalid(code: str, message: str, param: str) -> ApiError:
    return ApiError(message, status=402, kind="card_error", code=code, param=param or None)


def use_token(state: State, object_id: str, param: str) -> tuple[Card, Doc]:
    """Return the card of a token, which can be used once. Tokens of the testing page can be used again."""
    token = state.store.find(object_id, KIND)
    if token is None:
        named = cards.NAMED.get(object_id.removeprefix("tok_")) if object_id.startswith("tok_") else None
        if named:
            return named, {}
        if re.fullmatch(r"tok_[A-Za-z0-9]{24}", object_id) or not object_id.startswith("tok_"):
            raise missing_object(KIND, object_id, param)
        raise not_implemented(f"the test token {object_id}", param, is_known=False)
    if token["used"]:
        # MuckRock/squarelet#246
        message = f"You cannot use a Stripe token more than once: {object_id}."
        raise StateError(message, code="token_already_used", param=param)
    state.update(token, used=True)
    card = cards.find_card(token["_number"])
    if card is None:
        raise missing_object(KIND, object_id, param)
    return card, {name: token["card"][name] for name in ("exp_month", "exp_year")}


def create(call: Call) -> Doc:
    """POST /v1/tokens, of cards."""
    state, params = call.state, call.params
    if "card" not in params:
        raise not_implemented("a token of anything but a card")
    sent = params["card"]
    if isinstance(sent, str):
        raise not_implemented("a token of a customer's saved card", "card")
    card, expiry = read_card(state, sent)
    name, currency = sent.get("name"), sent.get("currency")
    address = {f"address_{part}": sent.get(f"address_{part}") for part in ADDRESS}
    token = state.new(
        KIND,
        card={
            **address,
            **expiry,
            "id": f"card_{random_text(24)}",
            "object": "card",
            "address_line1_check": "unchecked" if address["address_line1"] else None,
            "address_zip_check": "unchecked" if address["address_zip"] else None,
            "brand": BRANDS[card.brand],
            "country": card.country,
            "cvc_check": "unchecked" if sent.get("cvc") else None,
            "dynamic_last4": None,
            "fingerprint": random_text(16),
            "funding": card.funding,
            "last4": card.last4,
            "metadata": {},
            "name": name,
            "networks": {"preferred": None},
            "regulated_status": "unregulated",
            "tokenization_method": None,
        },
        client_ip="127.0.0.1",
        type="card",
        used=False,
    )
    if currency:
        token["card"]["currency"] = currency
    token["_number"] = card.number
    return state.store.insert(token)


ROUTES = {
    "GET /v1/tokens/{token}": Route(partial(retrieve, KIND)),
    "POST /v1/tokens": Route(create, "account bank_account card.networks customer cvc_update person pii"),
}
