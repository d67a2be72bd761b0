"""Limits the rate of requests per user or guest, by scope; the host's ``DEFAULT_THROTTLE_RATES`` can override it."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import ScopedRateThrottle

#: Per user, or per IP address of a guest. A host overrides them in REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"].
DEFAULT_RATES = {
    "checkout_read": "240/min",
    #: Polling.
    "checkout_status": "240/min",
    #: Requests that write or may call Stripe.
    "checkout_write": "60/min",
    "checkout_staff": "600/min",
}


class CheckoutThrottle(ScopedRateThrottle):
    """DRF's scoped throttle, with default rates."""

    def get_rate(self) -> str | None:
        rates = {**DEFAULT_RATES, **api_settings.DEFAULT_THROTTLE_RATES}
        rate = rates[str(self.scope)]
        return None if rate is None else str(rate)

    def get_ident(self, request: Request) -> str:
        """Return a guest's IP address: ``REMOTE_ADDR``, unless ``NUM_PROXIES`` is set.

        DRF's default is the whole ``X-Forwarded-For`` header, which a guest can change in each request.
        """
        if api_settings.NUM_PROXIES is None:
            return str(request.META.get("REMOTE_ADDR", ""))
        return str(super().get_ident(request))
