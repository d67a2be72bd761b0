"""The OpenAPI 3.1 document: generated from the views by drf-spectacular, kept as a file, and served from it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from django_checkout.responses import endpoint

PATH = Path(__file__).with_name("openapi.json")
DESCRIPTION = """Sell through Stripe Checkout Sessions from a single-page shop or an app, and run a back office.

Amounts are integers of minor units with their currency, and a text for people in the language of the request. Refusals
are problem documents (RFC 9457) with a stable `code`. A POST may carry an `Idempotency-Key`.
"""
#: No slash, no control character, and not only dots, which clients take out of a path.
REFERENCE_PATTERN = r"^[^/\x00-\x1f\x7f]*[^/.\x00-\x1f\x7f][^/\x00-\x1f\x7f]*$"
#: Of drf-spectacular, whatever the host's own are.
SETTINGS: dict[str, Any] = {
    "TITLE": "django_checkout",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/api"}],
    "SCHEMA_PATH_PREFIX": "",
    "COMPONENT_SPLIT_REQUEST": False,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "POSTPROCESSING_HOOKS": ["django_checkout.api.document.close_inputs"],
    "PREPROCESSING_HOOKS": [],
    "PATH_CONVERTER_OVERRIDES": {
        "checkout_reference": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": REFERENCE_PATTERN},
        "checkout_number": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    },
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "orderToken": {
                "type": "apiKey",
                "in": "header",
                "name": "Checkout-Token",
                "description": "The signed token of one order, as placing it answers: the bearer may see and pay it.",
            },
            "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Django's session."},
            "token": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Token <key>`, or whatever else the site authenticates API requests with.",
            },
        }
    },
}


@endpoint
@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """Serve the document, with this site's own address of the API."""
    server = request.path.removesuffix("/openapi.json") or "/"
    return JsonResponse({**_read(), "servers": [{"url": server}]})


def generate() -> dict[str, Any]:
    """Return the document that the views amount to now."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.settings import patched_settings

    from django_checkout.api.urls import urlpatterns

    with patched_settings(SETTINGS):
        document = SchemaGenerator(patterns=[*urlpatterns]).get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # untyped there
    return dict(json.loads(json.dumps(document)))


def write() -> None:
    """Write the document to its file."""
    PATH.write_text(json.dumps(generate(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def close_inputs(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say that inputs take no other fields: a hook of drf-spectacular's."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Input"):
            schema["additionalProperties"] = False
    return result


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    return dict(json.loads(PATH.read_text(encoding="utf-8")))
