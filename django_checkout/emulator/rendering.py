"""What all of the emulator's pages share: templates, headers, language, redirects, static files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from babel.core import Locale, UnknownLocaleError
from django.template import Engine
from django.utils import translation

from .messages import Doc, Request, Response

ASSETS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CODES = "AT AU BE BR CA CH DE DK ES FI FR GB IE IN IT JP MX NL NO NZ PL PT SE SG US"
COUNTRIES = tuple(_CODES.split())
SAFE_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


@cache
def engine() -> Engine:
    """Return the template engine of these pages, which does not depend on how the site has set up its own."""
    return Engine(
        dirs=[str(files("django_checkout").joinpath("templates"))],
        libraries={"i18n": "django.templatetags.i18n"},
        builtins=["django.templatetags.i18n"],
    )


def redirect(url: str) -> Response:
    """Return a redirect that turns a POST into a GET."""
    return Response(status=303, headers={"Location": url, "Content-Type": "text/plain"}, body=b"")


def asset(name: str) -> Response:
    """Return a static file of these pages."""
    suffix = name[name.rfind(".") :]
    path = files("django_checkout").joinpath("static/django_checkout/emulator", name)
    if "/" in name or ".." in name or suffix not in ASSETS or not path.is_file():
        return Response(status=404, headers={"Content-Type": "text/plain"}, body=b"Not found")
    headers = {"Content-Type": ASSETS[suffix], "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if suffix == ".js":
        # The page that loads stripe.js may ask for nothing that is not meant for other origins.
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return Response(status=200, headers=headers, body=path.read_bytes())


def security_headers(targets: Iterable[str | None]) -> dict[str, str]:
    """Return headers that allow a page its style sheet and its own form, and the redirect that ends it.

    Browsers hold ``form-action`` against the redirects after a form as well.
    """
    origins = {f"{parts.scheme}://{parts.netloc}" for url in targets if url and (parts := urlsplit(url)).netloc}
    allowed = " ".join(["'self'", *sorted(origins)])
    policy = (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        f"form-action {allowed}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {"Content-Security-Policy": "; ".join(policy), "X-Frame-Options": "DENY", **SAFE_HEADERS}


def frame_headers() -> dict[str, str]:
    """Return headers for a page that the shop's page shows in a frame: scripts and calls of the emulator's own only."""
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors http: https:",
    )
    return {"Content-Security-Policy": "; ".join(policy), **SAFE_HEADERS}


def language_of(request: Request, session: Doc | None) -> str:
    """Return the language asked for by the session, else by the browser, as far as Django has it."""
    asked = (session or {}).get("locale")
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    for tag in ([asked] if asked and asked != "auto" else []) + accepted:
        try:
            return translation.get_supported_language_variant(tag.lower())
        except LookupError:
            continue
    return "en"


def country_names(codes: Sequence[str]) -> list[tuple[str, str]]:
    """Return countries by code and name in the active language, by name."""
    try:
        locale = Locale.parse(translation.to_locale(translation.get_language() or "en"))
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return sorted(((code, locale.territories.get(code, code)) for code in codes), key=lambda pair: pair[1])
