"""Where shoppers may be sent back to: pages of this site, and the origins and app schemes that the site lists."""

from __future__ import annotations

from django.http import HttpRequest

from django_checkout import origins
from django_checkout.access.tokens import has_token
from django_checkout.conf import conf
from django_checkout.exceptions import WayBackError


def check_way_back(url: str, request: HttpRequest | None) -> str:
    """Return the URL if shoppers may be sent to it: a path or URL of this site, or one of CHECKOUT_RETURN_ORIGINS.

    Raises:
        WayBackError: they may not. It is not repeated in the message.
    """
    if has_token(url):
        raise WayBackError("return_url contains a token of an order, which is not stored.")
    if not is_allowed(url, request):
        raise WayBackError("return_url is not a URL of this site, nor of an origin in CHECKOUT_RETURN_ORIGINS.")
    return url


def is_allowed(url: object, request: HttpRequest | None) -> bool:
    """Whether shoppers may be sent to a URL; read at the moment of use, because the setting may have changed."""
    if not isinstance(url, str):
        return False
    if origins.is_path(url):
        return True
    origin = origins.find_origin(url)
    return bool(origin) and (origin in _own_origins(request) or origin in (conf.find("CHECKOUT_RETURN_ORIGINS") or ()))


def _own_origins(request: HttpRequest | None) -> set[str]:
    # Not CHECKOUT_FORMER_BASE_URLS: a domain that was given up may be someone else's.
    urls = [conf.find("base_url") or ""]
    if request is not None:
        urls.append(f"{request.scheme}://{request.get_host()}")
    return {origin for url in urls if (origin := origins.find_origin(url)) and not origins.is_app(origin)}
