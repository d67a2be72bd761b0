"""The Content-Security-Policy of every page: the shop's own directives, and those that django_checkout's tags need."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from django_checkout.csp import csp_directives

HEADER = "Content-Security-Policy"


class ContentSecurityPolicyMiddleware:
    """Send `SHOP_CSP` with `csp_directives()`, unless the response has a policy already.

    On Django 6, `SECURE_CSP` and Django's middleware can do the same, with the sources written out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Django's debug pages use inline styles and scripts.
        if HEADER not in response and not (settings.DEBUG and response.status_code in {404, 500}):
            response[HEADER] = policy()
        return response


def policy() -> str:
    """Return the header's value."""
    own: dict[str, list[str]] = settings.SHOP_CSP  # type: ignore[misc]  # the example's own setting
    directives = {name: list(sources) for name, sources in own.items()}
    for name, sources in csp_directives().items():
        known = directives.setdefault(name, [])
        known.extend(source for source in sources if source not in known)
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
