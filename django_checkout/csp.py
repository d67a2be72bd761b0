"""Content-Security-Policy: what our pages and tags need from the host's policy, and the strict one of our own pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from django_checkout.conf import STRIPE_API_BASE, conf

HEADER = "Content-Security-Policy"
SELF = "'self'"
NONE = "'none'"
STRICT_DYNAMIC = "'strict-dynamic'"

_PAYMENT_PAGE = "https://checkout.stripe.com"
_STRIPE_JS = {
    "script-src": ["https://js.stripe.com", "https://*.js.stripe.com", _PAYMENT_PAGE],
    "frame-src": ["https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com", _PAYMENT_PAGE],
    "connect-src": ["https://api.stripe.com", _PAYMENT_PAGE],
    "img-src": ["https://*.stripe.com"],
}
#: Where a browser looks for what a page may load, in this order: https://www.w3.org/TR/CSP3/#directive-fallback-list.
_LOOKED_UP = {
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "style-src": ("style-src-elem", "style-src", "default-src"),
    "frame-src": ("frame-src", "child-src", "default-src"),
    "img-src": ("img-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
}
#: How a middleware that sends a policy is called; Django's and django-csp's are.
_SENDS_POLICY = re.compile("csp|content_?security|security_?headers", re.IGNORECASE)


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


def read_host_policies() -> list[dict[str, list[str]]]:
    """Return the policies that come with the host's own pages: those that its middleware puts on a plain page.

    Settings alone do not tell: a middleware may add ``csp_directives()`` to them, or not be installed. So those that
    are named after a policy are asked. A policy that is sent by a proxy, or for some views only, is not seen.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    request = HttpRequest()
    request.method, request.path, request.path_info = "GET", "/", "/"
    request.META |= {"SERVER_NAME": "localhost", "SERVER_PORT": "443"}
    get_response = answer
    try:
        for path in filter(_SENDS_POLICY.search, reversed(conf.middleware)):
            get_response = import_string(path)(get_response)
        header = get_response(request).get(HEADER, "")
    except Exception:
        # It is the host's own code, which may need more of a request than this: nothing is known then.
        return []
    return [policy for text in header.split(",") if (policy := _parse(text))]


def _parse(text: str) -> dict[str, list[str]]:
    directives = (directive.split() for directive in text.split(";"))
    return {name.lower(): sources for name, *sources in filter(None, directives)}


def find_missing_sources(policy: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the sources, by directive, that a policy lacks for our tags, as browsers read it."""
    missing: dict[str, list[str]] = {}
    for directive, needed in csp_directives().items():
        looked_up = _LOOKED_UP.get(directive, (directive,))
        allowed = next((policy[name] for name in looked_up if name in policy), None)
        # 'strict-dynamic' lets scripts with a nonce run, which ours have, and what they load; hosts do not count then.
        if allowed is None or (directive == "script-src" and STRICT_DYNAMIC in allowed):
            continue
        lacking = [source for source in needed if not any(_covers(given, source) for given in allowed)]
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
