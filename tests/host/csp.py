"""Middleware of a host that sends a policy of its own."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse

from django_checkout.csp import HEADER


class OwnPolicyMiddleware:
    """Sends HOST_CSP as it is."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers.setdefault(HEADER, settings.HOST_CSP)
        return response


class PolicyOfTheUserMiddleware(OwnPolicyMiddleware):
    """Cannot say anything about a request without a user."""

    def __call__(self, request):
        return HttpResponse(headers={HEADER: request.user.policy})
