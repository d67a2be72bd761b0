"""The OpenAPI 3.1 document: generated from the views with drf-spectacular, committed as a file, and served from it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from django_checkout.pages.responses import endpoint

PATH = Path(__file__).with_name("openapi.json")
DESCRIPTION = """Sell with Stripe Checkout Sessions from a single-page shop or an app, and run a back office.

An amount is an integer in minor units, with its currency and a formatted text in the language of the request. Errors
are problem documents (RFC 9457) with a stable `code`. A POST request may have an `Idempotency-Key`.
"""
#: No slash, no control character, and not only dots, which clients remove from a path.
REFERENCE_PATTERN = r"^[^/\x00-\x1f\x7f]*[^/.\x00-\x1f\x7f][^/\x00-\x1f\x7f]*$"
#: Settings of drf-spectacular, in place of the host's.
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
                "description": "The signed token that placing an order returns. Its bearer can see and pay the order.",
            },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "sessionid",
                "description": "Django's session cookie.",
            },
            "token": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Token <key>`, or another scheme with which the site authenticates API requests.",
            },
        }
    },
}


@endpoint
@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """Serve the document with the URL of this site's API."""
    server = request.path.removesuffix("/openapi.json") or "/"
    return JsonResponse({**_read(), "servers": [{"url": server}]})


def generate() -> dict[str, Any]:
    """Return the document that the views describe now."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.settings import patched_settings

    with patched_settings(SETTINGS):
        generator = SchemaGenerator(urlconf="django_checkout.api.urls")  # type: ignore[no-untyped-call]  # untyped there
        document = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return dict(json.loads(json.dumps(document)))


def write() -> None:
    """Write the document to its file."""
    PATH.write_text(json.dumps(generate(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def close_inputs(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Declare that inputs have no other fields; a postprocessing hook of drf-spectacular."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Input"):
            schema["additionalProperties"] = False
    return result


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    return dict(json.loads(PATH.read_text(encoding="utf-8")))
