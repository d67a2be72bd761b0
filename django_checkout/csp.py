"""Content-Security-Policy: what our pages and tags need from the host's policy, and the strict one of our own pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse

from django_checkout.conf import STRIPE_API_BASE, conf

HEADER = "Content-Security-Policy"
SELF = "'self'"
NONE = "'none'"

_PAYMENT_PAGE = "https://checkout.stripe.com"
_STRIPE_JS = {
    "script-src": ["https://js.stripe.com", "https://*.js.stripe.com", _PAYMENT_PAGE],
    "frame-src": ["https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com", _PAYMENT_PAGE],
    "connect-src": ["https://api.stripe.com", _PAYMENT_PAGE],
    "img-src": ["https://*.stripe.com"],
}
#: Directives of which a policy that leaves them out says nothing; of the others it says its ``default-src``.
_WITHOUT_FALLBACK = frozenset(("base-uri", "form-action", "frame-ancestors"))


def csp_directives() -> dict[str, list[str]]:
    """Return the sources that a host's policy must allow for our pages and tags, as Django's ``SECURE_CSP`` takes them.

    Reads settings, so it is for a middleware, a view or a check rather than for settings.py itself.

    What Stripe.js needs is named where STRIPE_PUBLISHABLE_KEY is set: only embedded and Elements checkouts load it.
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
        directives["form-action"].append(_origin(conf.STRIPE_API_BASE))
    if conf.STRIPE_PUBLISHABLE_KEY:
        is_stripe = conf.STRIPE_JS_URL.startswith("https://js.stripe.com/")
        sources = _STRIPE_JS if is_stripe else {name: [_origin(conf.STRIPE_JS_URL)] for name in _STRIPE_JS}
        for directive, allowed in sources.items():
            directives.setdefault(directive, []).extend(allowed)
    return directives


def _origin(url: str) -> str:
    """Return scheme and host; a path of this site is ``'self'``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else SELF


def find_missing_sources(policy: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sources, by directive, that a host's policy lacks for our tags; nothing where it has no policy.

    ``policy`` is what Django's ``SECURE_CSP`` or django-csp's ``DIRECTIVES`` take: lists, sets or one string.
    """
    missing: dict[str, list[str]] = {}
    for directive, needed in csp_directives().items() if policy else ():
        fallback = None if directive in _WITHOUT_FALLBACK else policy.get("default-src")
        allowed = policy.get(directive, fallback)
        if allowed is None or isinstance(allowed, bool):
            continue
        sources = allowed.split() if isinstance(allowed, str) else [str(source) for source in allowed]
        lacking = [source for source in needed if not any(_covers(given, source) for given in sources)]
        if lacking:
            missing[directive] = lacking
    return missing


def _covers(given: str, needed: str) -> bool:
    """Whether one source of a policy allows another: https://www.w3.org/TR/CSP3/#match-url-to-source-list."""
    target = urlsplit(needed)
    if given in (needed, "*") or (needed == SELF and given == "https:") or given == f"{target.scheme}:":
        return True
    scheme, _, host = given.rpartition("://")
    host = host.partition("/")[0]
    matches = target.netloc.endswith(host[1:]) if host.startswith("*.") else host == target.netloc
    return bool(target.netloc) and matches and scheme in ("", target.scheme)


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
