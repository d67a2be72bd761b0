"""Content-Security-Policy: what our pages and tags need from the host's policy, and the strict one of our own pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from django_checkout.conf import STRIPE_API_BASE, conf

HEADER = "Content-Security-Policy"
SELF = "'self'"
NONE = "'none'"
STRICT_DYNAMIC = "'strict-dynamic'"
#: What a policy lacks that trusts scripts by a nonce, and has none.
A_NONCE = "'nonce-<a new one for each page>'"

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
#: Middleware that sends a policy, and needs nothing but a request to do so.
_SENDERS = {"django.middleware.csp.ContentSecurityPolicyMiddleware", "csp.middleware.CSPMiddleware"}
#: https://www.w3.org/TR/CSP3/#grammardef-host-source, in lower case.
_HOST_SOURCE = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\[[^]]+]|[^/:\[\]]+)(?::(?P<port>\d+|\*))?(?P<path>/.*)?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


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


def find_nonce(request: HttpRequest | None, told: object = None) -> str:
    """Return the nonce of Django's middleware or of django-csp's, which allows it then; "" where there is none.

    ``told`` is what a context processor says. All are false until they have been read once.
    """
    found = (told, getattr(request, "csp_nonce", None), getattr(request, "_csp_nonce", None))
    return next((str(nonce) for nonce in found if nonce is not None), "")


def read_host_policies() -> list[dict[str, list[str]]]:
    """Return the policies that come with the host's own pages: those that its middleware puts on a plain page.

    Settings alone do not tell: a middleware may add ``csp_directives()`` to them, or not be installed. So Django's and
    django-csp's are asked, and what derives from them, without a database; no other middleware is called. A policy that
    comes from elsewhere, or with some views only, is not seen.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        find_nonce(request)
        return HttpResponse()

    request = HttpRequest()
    request.method, request.path, request.path_info = "GET", "/", "/"
    request.META |= {"SERVER_NAME": "localhost", "SERVER_PORT": "443"}
    get_response: Callable[[HttpRequest], HttpResponse] = answer
    try:
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(_refuse_query))
            for middleware in filter(_sends_policy, map(import_string, reversed(conf.middleware))):
                get_response = middleware(get_response)
            header = get_response(request).get(HEADER, "")
    except Exception:
        # A subclass is the host's own code, which may need more of a request than this: nothing is known then.
        return []
    return [policy for text in header.split(",") if (policy := _parse(text))]


def _sends_policy(middleware: object) -> bool:
    bases = getattr(middleware, "__mro__", ())
    return any(f"{base.__module__}.{base.__qualname__}" in _SENDERS for base in bases)


def _refuse_query(*args: Any) -> None:
    raise RuntimeError("A check asks the database nothing.")


def _parse(text: str) -> dict[str, list[str]]:
    directives = (directive.split() for directive in text.split(";"))
    return {name.lower(): sources for name, *sources in filter(None, directives)}


def find_missing_sources(policy: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the sources, by directive, that a policy lacks for our tags, as browsers read it."""
    missing: dict[str, list[str]] = {}
    for directive, needed in csp_directives().items():
        looked_up = _LOOKED_UP.get(directive, (directive,))
        found = next((policy[name] for name in looked_up if name in policy), None)
        if found is None:
            continue
        allowed = [source.lower() for source in found]
        if directive == "script-src" and STRICT_DYNAMIC in allowed:
            # It lets scripts with a nonce run, which ours have, and what they load. Hosts do not count then; nor does
            # a hash, which a script's tag would have to repeat.
            lacking = [] if any(source.startswith("'nonce-") for source in allowed) else [A_NONCE]
        else:
            lacking = [source for source in needed if not any(_covers(given, source.lower()) for given in allowed)]
        if lacking:
            missing[directive] = lacking
    return missing


def _covers(given: str, needed: str) -> bool:
    """Whether one source of a policy allows all of another, both in lower case.

    https://www.w3.org/TR/CSP3/#match-url-to-source-expression; what may be http may be https.
    """
    if given in (needed, "*") or needed == SELF:
        return given in (needed, "*", "https:", "http:")
    target = urlsplit(needed)
    schemes = ("http", "https") if target.scheme == "https" else (target.scheme,)
    source = _HOST_SOURCE.fullmatch(given)
    if source is None:
        return given.removesuffix(":") in schemes
    default = _DEFAULT_PORTS[target.scheme]
    host, port = source["host"], str(target.port or default)
    bare = target.netloc.removesuffix(f":{target.port}")
    return (
        source["scheme"] in (None, *schemes)
        and (host in ("*", bare) or (host.startswith("*.") and bare.endswith(host[1:])))
        and (source["port"] or str(default)) in ("*", port)
        and source["path"] in (None, "/")
    )


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
