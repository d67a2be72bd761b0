"""Recognizes responses that are not Stripe's answer to a request, before the SDK reads them. Pure.

A proxy's page, a half response, JSON of another shape and objects of another mode raise ``StripeAnswerError``, which
names what was received but quotes nothing of the body. Fields that only some callers read are theirs to check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django_checkout.exceptions import StripeAnswerError

#: The body, the status and the headers.
Response = tuple[bytes, int, Mapping[str, str]]

#: The type of the objects under each path that is called.
_OBJECTS = {
    "account": "account",
    "balance_transactions": "balance_transaction",
    "billing_portal/sessions": "billing_portal.session",
    "charges": "charge",
    "checkout/sessions": "checkout.session",
    "coupons": "coupon",
    "credit_notes": "credit_note",
    "customers": "customer",
    "disputes": "dispute",
    "events": "event",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "payouts": "payout",
    "radar/early_fraud_warnings": "radar.early_fraud_warning",
    "refunds": "refund",
    "reviews": "review",
    "subscriptions": "subscription",
    "webhook_endpoints": "webhook_endpoint",
}
#: Fields that every caller reads, and their types.
_FIELDS: Mapping[str, Mapping[str, type]] = {
    "balance_transaction": dict.fromkeys(("amount", "fee", "net", "available_on", "created"), int)
    | dict.fromkeys(("type", "currency", "status"), str),
    "billing_portal.session": {"url": str},
    "checkout.session": {"created": int},
    "credit_note": {"status": str},
    "event": {"type": str, "created": int, "data": dict},
    "payout": dict.fromkeys(("amount", "arrival_date", "created"), int)
    | dict.fromkeys(("currency", "status"), str)
    | dict.fromkeys(("automatic", "livemode"), bool),
    "webhook_endpoint": {"url": str, "status": str, "enabled_events": list},
}
#: Fields without which a single object says nothing.
_FIELDS_OF_ONE: Mapping[str, Mapping[str, type]] = {
    "charge": {"status": str},
    "checkout.session": {"status": str, "payment_status": str},
    "dispute": {"status": str, "amount": int, "currency": str},
    "payment_intent": {"status": str},
    "refund": {"amount": int, "currency": str},
    "review": {"open": bool},
    "subscription": {"status": str},
}


def check_answer(method: str, url: str, response: Response, *, livemode: bool | None = None) -> None:
    """Raise ``StripeAnswerError`` if the response cannot be Stripe's; ``livemode`` is the key's mode."""
    body, status, headers = response
    if problem := _find_problem(method, url, response, livemode):
        raise answer_error(method, url, status, headers, f"{len(body)} bytes, {problem}")


def answer_error(method: str, url: str, status: int, headers: Mapping[str, str], problem: str) -> StripeAnswerError:
    """Return the error for a response that is not Stripe's."""
    parts = urlsplit(url)
    asked = f"{method.upper()} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    error = StripeAnswerError(
        f"The response to {asked} is not Stripe's: status {status}, {_media_type(headers) or 'no Content-Type'}, "
        f"{problem}. Check STRIPE_API_BASE and the proxies between this server and Stripe."
    )
    error.answered_status = status
    return error


def _find_problem(method: str, url: str, response: Response, livemode: bool | None) -> str:
    body, status, headers = response
    if 300 <= status < 400:
        target = urlsplit(headers.get("Location") or "")
        return f"a redirect to {_printable(target.netloc.rpartition('@')[2]) or 'this server'}"
    if _media_type(headers) not in ("", "application/json"):
        return "not JSON"
    if not body.strip():
        return "an empty body"
    try:
        data = json.loads(body.decode())
    except (ValueError, RecursionError):
        return "not JSON, or a part of it"
    if not isinstance(data, dict):
        return f"a JSON {type(data).__name__} instead of an object"
    if not 200 <= status < 300:
        error = data.get("error")
        is_error = isinstance(error, dict) and isinstance(error.get("type"), str)
        return "" if is_error else "an error in another form than Stripe's"
    return next(_problems_of(data, *_expected(method, urlsplit(url).path), livemode), "")


def _expected(method: str, path: str) -> tuple[str, str, bool]:
    """Return the type and the id of the object that a path addresses, and whether the answer is a list of such."""
    parts = path.partition("/v1/")[2].split("/")
    length = 1 if parts[0] in _OBJECTS else 2
    kind, rest = _OBJECTS.get("/".join(parts[:length]), ""), parts[length:]
    if rest[1:] == ["line_items"]:
        return "item", "", True
    is_list = not rest and method.lower() == "get" and kind not in ("", "account")
    return kind, unquote(rest[0]) if rest else "", is_list


def _problems_of(
    data: Mapping[str, Any], kind: str, object_id: str, is_list: bool, livemode: bool | None
) -> Iterator[str]:
    if not is_list:
        yield from _problems_of_one(data, kind, livemode)
        yield from _wrong_fields(data, kind, _FIELDS_OF_ONE)
        if object_id and data.get("id") != object_id:
            yield f"another {kind or 'object'} than the requested one"
        return
    if data.get("object") != "list" or not isinstance(data.get("data"), list) or type(data.get("has_more")) is not bool:
        yield f"not a list of objects of the type {kind}"
        return
    for item in data["data"]:
        if not isinstance(item, dict):
            yield f"a list that contains something else than objects of the type {kind}"
            return
        yield from _problems_of_one(item, kind, livemode)


def _problems_of_one(data: Mapping[str, Any], kind: str, livemode: bool | None) -> Iterator[str]:
    if kind and data.get("object") != kind:
        yield f"no object of the type {kind}"
    if kind != "billing_portal.session" and not (isinstance(data.get("id"), str) and data["id"]):
        yield "an object without an id"
    yield from _wrong_fields(data, kind, _FIELDS)
    is_live = data.get("livemode")
    if isinstance(is_live, bool) and livemode is not None and is_live != livemode:
        yield f"an object of {'live' if is_live else 'test'} mode for a key of {'live' if livemode else 'test'} mode"


def _wrong_fields(data: Mapping[str, Any], kind: str, fields: Mapping[str, Mapping[str, type]]) -> Iterator[str]:
    for name, field_type in fields.get(kind, {}).items():
        # Every bool is an int.
        if type(data.get(name)) is not field_type:
            yield f"a {kind} whose field {name} is not of the type {field_type.__name__}"


def _media_type(headers: Mapping[str, str]) -> str:
    return _printable((headers.get("Content-Type") or "").partition(";")[0].strip().lower())


def _printable(text: str) -> str:
    """Return the text without what a log line should not contain."""
    return re.sub(r"[^\w.:/+-]", "?", text, flags=re.ASCII)[:100]
