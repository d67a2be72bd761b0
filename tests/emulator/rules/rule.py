"""What a rule of the register is: a request, the response that Stripe gives to it, and the nearest accepted request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

SDK_FILE = "stripe/params/"
REFERENCE = "https://docs.stripe.com/api/checkout/sessions/create"
MISSING = "https://docs.stripe.com/error-codes#resource-missing"
#: What a source may be: a page of Stripe's, a report ``owner/repo#n``, a recording of its responses, or a class and
#: field of the SDK's docstrings.
SOURCE = re.compile(
    r"https://(docs|support)\.stripe\.com/\S+"
    r"|[\w.-]+/[\w.-]+#\d+"
    r"|Kiln-AI/stripe_world \d\d_\w+"
    r"|stripe/params/\w+(/\w+)*\.py \w+\.\w+"
    r"|stripe/(\w+/)*_\w+\.py \w+\.\w+"
    r"|OpenAPI (GET|POST|DELETE) /v1/\S+ [\w.\[\]]+"
)

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request. ``<name>`` in path, form and headers is a prepared object's id, ``<now+60>`` a time."""

    method: str
    path: str
    form: Form = field(default_factory=dict)
    headers: Form = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response. What the source of the rule does not give is None or empty, and not compared.

    ``fields`` are values in the body by their dotted paths.
    """

    status: int = 200
    kind: str = ""
    code: str | None = None
    param: str | None = None
    text: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of Stripe's API. ``given`` are objects or states that exist before the requests; see ``givens``."""

    id: str
    says: str
    source: str
    refused: Sent
    answer: Answer
    accepted: Sent
    result: Answer = Answer()
    given: tuple[str, ...] = ()


def parsed(text: str) -> dict[str, str]:
    """Return the fields of a form written as ``a[b]=c&d=e``; values are plain text."""
    return {key: value for key, _, value in (part.partition("=") for part in text.split("&") if part)}


def form(*parts: str | Form) -> dict[str, str]:
    """Return a form from parts that override each other. ``-a`` removes ``a`` and everything below it."""
    fields: dict[str, str] = {}
    for part in parts:
        for key, value in (parsed(part) if isinstance(part, str) else part).items():
            if key.startswith("-"):
                fields = {
                    name: kept for name, kept in fields.items() if not re.match(rf"{re.escape(key[1:])}(\[|$)", name)
                }
            else:
                fields[key] = value
    return fields


def post(path: str, *parts: str | Form, **headers: str) -> Sent:
    """Return a POST request. Names of headers have underscores."""
    return Sent(method="POST", path=path, form=form(*parts), headers=_headers(headers))


def get(path: str, *parts: str | Form, **headers: str) -> Sent:
    """Return a GET request."""
    return Sent(method="GET", path=path, form=form(*parts), headers=_headers(headers))


def delete(path: str, *parts: str | Form) -> Sent:
    """Return a DELETE request."""
    return Sent(method="DELETE", path=path, form=form(*parts))


def refusal(
    text: str = "",
    *,
    param: str | None = None,
    code: str | None = None,
    status: int = 400,
    kind: str = "invalid_request_error",
) -> Answer:
    """Return an error response."""
    return Answer(status=status, kind=kind, code=code, param=param, text=text)


def shows(**fields: object) -> Answer:
    """Return a successful response with these values; two underscores separate steps of a path."""
    return Answer(fields={name.replace("__", "."): value for name, value in fields.items()})


def sdk(file: str, name: str) -> str:
    """Return the source for a field of the SDK: ``sdk("checkout/_session_create_params", "Class.field")``."""
    return f"{SDK_FILE}{file}.py {name}"


def session_field(name: str) -> str:
    """Return the source for a field of a new session: ``SessionCreateParams`` and the rest of the class's name."""
    return sdk("checkout/_session_create_params", f"SessionCreateParams{name}")


def _headers(names: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in names.items()}
