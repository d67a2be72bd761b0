"""Renders the emulator's pages: templates, headers, language, amounts, redirects, static files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import format_currency
from django.template import Context, Engine
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header

from django_checkout.emulator.messages import Doc, Request, Response
from django_checkout.emulator.reference import currencies

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
    """Return the template engine of these pages. It does not depend on the site's ``TEMPLATES``."""
    return Engine(
        dirs=[str(files("django_checkout").joinpath("templates"))],
        libraries={"i18n": "django.templatetags.i18n"},
        builtins=["django.templatetags.i18n"],
    )


def render(template: str, request: Request, context: Doc, headers: Mapping[str, str], *, status: int = 200) -> Response:
    """Return a page in the active language."""
    shared = {
        "base_url": urlsplit(request.base_url).path,
        "language": translation.get_language() or "en",
        "direction": "rtl" if translation.get_language_bidi() else "ltr",
    }
    page = engine().get_template(f"django_checkout/emulator/{template}")
    body = page.render(Context({**shared, **context}, use_l10n=False)).encode()
    return Response(status=status, headers={"Content-Type": "text/html; charset=utf-8", **headers}, body=body)


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
        # A page with a strict embedder policy loads stripe.js only if it is meant for other origins.
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return Response(status=200, headers=headers, body=path.read_bytes())


def security_headers(targets: Iterable[str | None], images: Iterable[str] = ()) -> dict[str, str]:
    """Return headers that allow a page its own files, its own form, and redirects to ``targets`` and web pages.

    Browsers apply ``form-action`` to all redirects after a form, and the page of the shop may redirect to another
    origin. Stripe's page leaves by a script, which no policy of its own can stop.
    """
    policy = _policy(images, f"form-action {_sources(targets)} http: https:", "frame-ancestors 'none'")
    return {"Content-Security-Policy": policy, "X-Frame-Options": "DENY", **SAFE_HEADERS}


def frame_headers(images: Iterable[str] = ()) -> dict[str, str]:
    """Return headers for a page in a frame of the shop's page: only the emulator's own scripts and requests."""
    policy = _policy(images, "form-action 'self'", "frame-ancestors http: https:")
    return {"Content-Security-Policy": policy, **SAFE_HEADERS}


def _policy(images: Iterable[str], *others: str) -> str:
    own = [f"{kind}-src 'self'" for kind in ("script", "style", "connect")]
    return "; ".join(["default-src 'none'", *own, f"img-src {_sources(images)}", "base-uri 'none'", *others])


def _sources(urls: Iterable[str | None]) -> str:
    """Return the own origin and those of the URLs."""
    origins = {f"{parts.scheme}://{parts.netloc}" for url in urls if url and (parts := urlsplit(url)).netloc}
    return " ".join(["'self'", *sorted(origins)])


def language_of(request: Request, session: Doc | None) -> str:
    """Return the session's locale, else the browser's preferred language, else English.

    Only languages with a translation count. Their regions are kept, for amounts and dates.
    """
    asked = (session or {}).get("locale") or "auto"
    accepted = [tag for tag, _weight in parse_accept_lang_header(request.headers.get("accept-language", "").lower())]
    for tag in accepted if asked == "auto" else [asked.lower()]:
        language = tag.partition("-")[0]
        if language in _translated():
            return tag if _is_known(tag) else language
    return "en"


@cache
def _translated() -> frozenset[str]:
    """Return the languages of these pages."""
    catalogs = files("django_checkout").joinpath("locale")
    return frozenset({"en", *(folder.name for folder in catalogs.iterdir())})


def _is_known(tag: str) -> bool:
    try:
        Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


def country_names(codes: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of code and name in the active language, sorted by name."""
    names = _locale().territories
    return sorted(((code, names.get(code, code)) for code in codes), key=lambda pair: pair[1])


def format_minor(minor: int, currency: str) -> str:
    """Return an amount in minor units as text in the active language, with Stripe's decimals."""
    is_whole = currency in currencies.WHOLE_UNITS_IN_HUNDREDTHS and minor % currencies.step_minor(currency) == 0
    digits = 0 if is_whole else currencies.exponent(currency)
    locale = _locale()
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    amount = currencies.to_decimal(minor, currency)
    return format_currency(amount, currency.upper(), format=pattern, locale=locale, currency_digits=False)


def format_day(seconds: int) -> str:
    """Return the day of a time as text in the active language."""
    return format_date(datetime.fromtimestamp(seconds, UTC), format="long", locale=_locale())


def format_moment(seconds: int, utc_offset_hours: int) -> str:
    """Return a day and a time of a country as text in the active language, with its distance from UTC."""
    zone = timezone(timedelta(hours=utc_offset_hours))
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    day, time = format_date(moment, format="long", locale=_locale()), format_time(moment, "short", locale=_locale())
    both = str(get_datetime_format("medium", locale=_locale())).format(time, day)
    return f"{both} ({moment:UTC%z})".replace("+0000)", ")").replace("00)", ")")


def _locale() -> Locale:
    try:
        return Locale.parse(translation.to_locale(translation.get_language() or "en"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")
