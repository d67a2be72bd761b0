"""The language of a page: the browser's for checkout and admin, English for the shop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import translation

OWN_APPS = ("shop", "api_demo")


class EnglishShopMiddleware:
    """Activates English for the shop's own pages, because the shop has no translations."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any) -> None:
        """Set the language once the app of the URL is known."""
        if request.resolver_match is not None and request.resolver_match.app_name in OWN_APPS:
            translation.activate("en")
            request.LANGUAGE_CODE = translation.get_language()
