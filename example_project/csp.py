"""Django 6's Content-Security-Policy middleware, as much of it as this project needs, for Django 5.2."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"


class ContentSecurityPolicyMiddleware:
    """Send `SECURE_CSP` with every response that does not carry a policy of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Django's debug pages are made of inline style and script.
        if HEADER not in response and not (settings.DEBUG and response.status_code in {404, 500}):
            directives = (f"{name} {' '.join(sources)}" for name, sources in settings.SECURE_CSP.items())
            response[HEADER] = "; ".join(directives)
        return response
