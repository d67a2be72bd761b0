"""Reads values of settings and refuses malformed ones, each with the setting's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


class Readers:
    """A reader for each type of setting; a malformed value raises ``ImproperlyConfigured``."""

    def _get(self, name: str, default: Any = None) -> Any:
        raise KeyError(name)

    def _texts(self, name: str, what: str) -> list[str]:
        value = self._get(name) or []
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ImproperlyConfigured(f"{name} must be a list of {what}.")
        # None and "" are the values of unset environment variables.
        if not all(text is None or isinstance(text, str) for text in value):
            raise ImproperlyConfigured(f"{name} must contain only strings.")
        return [text.strip() for text in value if (text or "").strip()]

    def _text(self, name: str, default: str = "", *, required: bool = False) -> str:
        value = self._get(name)
        value = default if value is None else value
        if not isinstance(value, str):
            raise ImproperlyConfigured(f"{name} must be a string.")
        if required and not value.strip():
            raise ImproperlyConfigured(f"{name} is not set.")
        return value.strip()

    def _url(self, name: str, default: str = "", *, takes_path: bool = False) -> str:
        value = (self._text(name, default) or default).rstrip("/")
        if not value or (takes_path and value.startswith("/") and not value.startswith("//")):
            return value
        try:
            parts = urlsplit(value)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ImproperlyConfigured(f"{name} must be an absolute URL that starts with https:// or http://.")
        return value

    def _choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._get(name)
        value = choices[0] if value is None else value
        if value not in choices:
            raise ImproperlyConfigured(f"{name} must be one of: {', '.join(repr(choice) for choice in choices)}.")
        return str(value)

    def _integer(self, name: str, default: int, *, minimum: int, maximum: int | None = None) -> int:
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ImproperlyConfigured(f"{name} must be an integer.")
        if value < minimum or (maximum is not None and value > maximum):
            limit = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
            raise ImproperlyConfigured(f"{name} must be {limit}.")
        return value

    def _boolean(self, name: str, *, default: bool) -> bool:
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise ImproperlyConfigured(f"{name} must be True or False.")
        return value
