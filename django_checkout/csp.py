"""Content-Security-Policy: the sources that the template tags need, and the strict policy of the app's own pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from django_checkout.conf import conf

HEADER = "Content-Security-Policy"
SELF = "'self'"
NONE = "'none'"
STRICT_DYNAMIC = "'strict-dynamic'"
#: Shown as the missing source of a policy with 'strict-dynamic' and without a nonce.
A_NONCE = "'nonce-<a new one for each page>'"

_PAYMENT_PAGE = "https://checkout.stripe.com"
_STRIPE_JS = {
    "script-src": ["https://js.stripe.com", "https://*.js.stripe.com", _PAYMENT_PAGE],
    "frame-src": ["https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com", _PAYMENT_PAGE],
    "connect-src": ["https://api.stripe.com", _PAYMENT_PAGE],
    "img-src": ["https://*.stripe.com"],
}
#: The directives that a browser looks up, in order: https://www.w3.org/TR/CSP3/#directive-fallback-list.
_LOOKED_UP = {
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "style-src": ("style-src-elem", "style-src", "default-src"),
    "frame-src": ("frame-src", "child-src", "default-src"),
    "img-src": ("img-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
}
#: Middleware that sends a policy and needs only a request.
_SENDERS = {"django.middleware.csp.ContentSecurityPolicyMiddleware", "csp.middleware.CSPMiddleware"}
#: https://www.w3.org/TR/CSP3/#grammardef-host-source, in lower case.
_HOST_SOURCE = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\[[^]]+]|[^/:\[\]]+)(?::(?P<port>\d+|\*))?(?P<path>/.*)?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def csp_directives() -> dict[str, list[str]]:
    """Return the sources that the site's policy must allow, in the format of Django's ``SECURE_CSP``.

    Reads settings, so call it in a middleware, a view or a check, not in settings.py.

    The sources of Stripe.js are included if STRIPE_PUBLISHABLE_KEY is set. ``form-action`` includes the payment page
    because browsers apply it to the redirect after the form is submitted.
    https://docs.stripe.com/security/guide#content-security-policy
    """
    directives = {
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF, _PAYMENT_PAGE],
    }
    if not conf.is_stripe_api:
        directives["form-action"].append(_origin(conf.STRIPE_API_BASE))
    if conf.STRIPE_PUBLISHABLE_KEY:
        sources = _STRIPE_JS if conf.is_stripe_js else {name: [_origin(conf.STRIPE_JS_URL)] for name in _STRIPE_JS}
        for directive, allowed in sources.items():
            directives.setdefault(directive, []).extend(allowed)
    return directives


def _origin(url: str) -> str:
    """Return a URL's scheme and host; a path is ``'self'``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else SELF


def find_nonce(request: HttpRequest | None, context_nonce: object = None) -> str:
    """Return the nonce of Django's or django-csp's middleware, or "".

    Reading a nonce adds it to the policy. Until then it is false, so it is compared with None.
    """
    found = (context_nonce, getattr(request, "csp_nonce", None), getattr(request, "_csp_nonce", None))
    return next((str(nonce) for nonce in found if nonce is not None), "")


def read_host_policies() -> list[dict[str, list[str]]]:
    """Return the policies that the host's middleware adds to a plain page.

    Settings are not enough: a middleware may not be installed, or may add ``csp_directives()``. Only Django's and
    django-csp's middleware and their subclasses are called, without database access. Policies from other sources or
    for individual views are not found.
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
        # A subclass may need more of a request than this one has.
        return []
    return [policy for text in header.split(",") if (policy := _parse(text))]


def _sends_policy(middleware: object) -> bool:
    bases = getattr(middleware, "__mro__", ())
    return any(f"{base.__module__}.{base.__qualname__}" in _SENDERS for base in bases)


def _refuse_query(*args: Any) -> None:
    raise RuntimeError("System checks do not query the database.")


def _parse(text: str) -> dict[str, list[str]]:
    directives = (directive.split() for directive in text.split(";"))
    return {name.lower(): sources for name, *sources in filter(None, directives)}


def find_missing_sources(policy: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the sources that a policy lacks, by directive."""
    missing: dict[str, list[str]] = {}
    for directive, needed in csp_directives().items():
        looked_up = _LOOKED_UP.get(directive, (directive,))
        found = next((policy[name] for name in looked_up if name in policy), None)
        if found is None:
            continue
        allowed = [source.lower() for source in found]
        if directive == "script-src" and STRICT_DYNAMIC in allowed:
            # Scripts with a nonce run, and so do the scripts they load; host sources are ignored, and the tags'
            # scripts have no hash.
            lacking = [] if any(source.startswith("'nonce-") for source in allowed) else [A_NONCE]
        else:
            lacking = [source for source in needed if not any(_covers(given, source.lower()) for given in allowed)]
        if lacking:
            missing[directive] = lacking
    return missing


def _covers(given: str, needed: str) -> bool:
    """Whether one source allows everything that another one does, both in lower case; http includes https.

    https://www.w3.org/TR/CSP3/#match-url-to-source-expression
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
    """Return the header value for the app's own pages; "" if the host's policy applies."""
    policy: Mapping[str, Sequence[str]] | None = conf.CHECKOUT_CSP
    if policy is None:
        directives = csp_directives()
        # The return page shows Stripe's image of a QR code that has no page of its own.
        directives["img-src"] = list(dict.fromkeys([*directives["img-src"], *_STRIPE_JS["img-src"]]))
        policy = {
            "default-src": [NONE],
            **directives,
            "base-uri": [NONE],
            "frame-ancestors": [NONE],
            "object-src": [NONE],
        }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in policy.items())


def set_page_policy(response: HttpResponse) -> HttpResponse:
    """Add the policy of the app's own pages, unless the response has one."""
    policy = page_policy()
    if policy and HEADER not in response:
        response[HEADER] = policy
    return response
