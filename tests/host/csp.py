"""Middleware of a host that sends its own policy."""

from __future__ import annotations

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib.auth.models import User

from django_checkout.csp import HEADER
from example_project.csp import policy


class OwnPolicyMiddleware(CSPMiddleware):
    """Sends HOST_CSP unchanged."""

    def process_response(self, request, response):
        response.headers.setdefault(HEADER, settings.HOST_CSP)
        return response


class MergedPolicyMiddleware(CSPMiddleware):
    """Sends its own policy merged with ours, like the example project."""

    def process_response(self, request, response):
        response.headers.setdefault(HEADER, policy())
        return response


class PolicyOfTheUserMiddleware(OwnPolicyMiddleware):
    """Fails for a request without a user."""

    def process_request(self, request):
        request.policy = request.user.policy


class PolicyOfTheTenantMiddleware(OwnPolicyMiddleware):
    """Queries the database on every request."""

    def process_request(self, request):
        request.tenants = User.objects.count()


class SecurityHeadersAudit:
    """Sends no policy, despite its name, and records every request."""

    seen = []

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        self.seen.append(request.path)
        return self.get_response(request)
