"""Reads the links to a shop's legal pages, and refuses URLs that must not stand in a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

#: The kinds of legal pages, in the order in which they are shown.
KINDS = ("terms", "privacy", "withdrawal", "returns", "shipping", "imprint")

#: By kind: a URL or path, or one for each language.
LegalLinks = Mapping[str, str | Mapping[str, str]]


def read(name: str, value: Any) -> dict[str, str | dict[str, str]]:
    """Return the links by kind, given the name and value of a setting or of a method of the adapter.

    Raises:
        ImproperlyConfigured: an unknown kind, or something that is neither a path nor an http or https URL.
    """
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(f"{name} must be a dict of kinds and URLs.")
    links: dict[str, str | dict[str, str]] = {}
    for kind, link in value.items():
        if kind not in KINDS:
            raise ImproperlyConfigured(f"{name} contains {kind!r}, which is not one of: {', '.join(KINDS)}.")
        by_language = link if isinstance(link, Mapping) else {"": link}
        for language, url in by_language.items():
            if not isinstance(language, str) or not is_link(url):
                where = f"{name}[{kind!r}]" + (f"[{language!r}]" if language else "")
                raise ImproperlyConfigured(f"{where} must be a path such as /terms/, or an https:// or http:// URL.")
        links[kind] = dict(link) if isinstance(link, Mapping) else link
    return links


def is_link(url: Any) -> bool:
    """Whether a text is empty, a path on this host, or an absolute http or https URL.

    Browsers drop control characters from URLs and read a backslash as a slash:
    https://url.spec.whatwg.org/#concept-basic-url-parser.
    """
    if not isinstance(url, str):
        return False
    if any(character <= " " or character in "\\\x7f" for character in url):
        return False
    if not url or (url.startswith("/") and not url.startswith("//")):
        return True
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.lower().startswith(f"{parts.scheme}://")


def find_url(link: str | Mapping[str, str], language: str) -> str:
    """Return the URL for a language such as ``de-at``: that language's, that of ``de``, or the first; "" for none."""
    if isinstance(link, str):
        return link
    urls = {name.lower().replace("_", "-"): url for name, url in link.items()}
    language = language.lower()
    return urls.get(language) or urls.get(language.partition("-")[0]) or next(iter(urls.values()), "")
