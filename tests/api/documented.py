"""Compares the API's responses with its OpenAPI document.

Django REST framework leaves out a read-only field whose attribute is missing, so a renamed attribute raises no error.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jsonschema

from django_checkout.api import document

_PREFIX = "/api"


@cache
def _document() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(document.PATH.read_text(encoding="utf-8"))
    return made


def assert_documented(method: str, path: str, response: Any) -> None:
    """Assert that a JSON response is as the document says; paths and statuses outside the document are skipped."""
    if "json" not in response.headers.get("Content-Type", ""):
        return
    for template, operations in _document()["paths"].items():
        if re.fullmatch(f"(?:{_PREFIX})?" + re.sub(r"\{\w+\}", "[^/]+", template), path) and method in operations:
            answers = operations[method]["responses"]
            if (answer := answers.get(str(response.status_code))) and "content" in answer:
                content = next(iter(answer["content"].values()))["schema"]
                schema = {**content, "components": _document()["components"]}
                jsonschema.Draft202012Validator(schema).validate(response.json())
            return
