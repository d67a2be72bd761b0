"""Limits how often one principal may ask, by scope; the host's ``DEFAULT_THROTTLE_RATES`` may name other rates."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import ScopedRateThrottle

#: Per user, or per address of a guest. A host sets any of these in REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"].
DEFAULT_RATES = {
    "checkout_read": "240/min",
    #: Polling.
    "checkout_status": "240/min",
    #: What may call Stripe or write.
    "checkout_write": "60/min",
    "checkout_staff": "600/min",
}


class CheckoutThrottle(ScopedRateThrottle):
    """DRF's scoped throttle with rates of its own where the host names none."""

    def get_rate(self) -> str | None:
        rates = {**DEFAULT_RATES, **api_settings.DEFAULT_THROTTLE_RATES}
        rate = rates[str(self.scope)]
        return None if rate is None else str(rate)

    def get_ident(self, request: Request) -> str:
        """Return a guest's address: what the server sees, unless ``NUM_PROXIES`` says which part of the header is true.

        DRF's default takes all of ``X-Forwarded-For``, which a guest can write differently in each request.
        """
        if api_settings.NUM_PROXIES is None:
            return str(request.META.get("REMOTE_ADDR", ""))
        return str(super().get_ident(request))
