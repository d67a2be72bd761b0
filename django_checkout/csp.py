"""Content-Security-Policy: what our pages and tags need from the host's policy, and the strict one of our own pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from django.http import HttpResponse

from django_checkout.conf import STRIPE_API_BASE, conf

HEADER = "Content-Security-Policy"
SELF = "'self'"
NONE = "'none'"

_PAYMENT_PAGE = "https://checkout.stripe.com"


def csp_directives() -> dict[str, list[str]]:
    """Return the sources that a host's policy must allow for our pages and tags, as Django's ``SECURE_CSP`` takes them.

    Browsers apply ``form-action`` to the redirect that answers the form, so the payment page is named there.
    https://docs.stripe.com/security/guide#content-security-policy
    """
    directives = {
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF, _PAYMENT_PAGE],
    }
    if conf.STRIPE_API_BASE != STRIPE_API_BASE:
        base = urlsplit(conf.STRIPE_API_BASE)
        directives["form-action"].append(f"{base.scheme}://{base.netloc}")
    return directives


def page_policy() -> str:
    """Return the policy of our own pages as a header's value; "" where the host's own applies."""
    policy: Mapping[str, Sequence[str]] | None = conf.CHECKOUT_CSP
    if policy is None:
        policy = {
            "default-src": [NONE],
            **csp_directives(),
            "base-uri": [NONE],
            "frame-ancestors": [NONE],
            "object-src": [NONE],
        }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in policy.items())


def set_page_policy(response: HttpResponse) -> HttpResponse:
    """Give a page of ours its policy, unless it has one."""
    policy = page_policy()
    if policy and HEADER not in response:
        response[HEADER] = policy
    return response
