"""What the answers of our pages have in common: open to guests, never cached, under our policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required
from django.core.handlers.exception import response_for_exception
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from django_checkout import database
from django_checkout.conf import conf
from django_checkout.csp import csp_directives, set_page_policy
from django_checkout.exceptions import OrderNotFoundError, SessionNotFoundError

View = Callable[..., HttpResponse]
AnyView = TypeVar("AnyView", bound=Callable[..., Any])


class SeeOther(HttpResponseRedirect):
    """303: the answer to a POST is elsewhere, to be fetched with GET (RFC 9110, 15.4.4)."""

    status_code = 303


def endpoint(view: AnyView) -> AnyView:
    """Exempt a view from site-wide login and from ATOMIC_REQUESTS, whichever database asks for it.

    A signed link, a signature or the view itself decides who may see what; services open transactions of their own.
    """
    return login_not_required(database.non_atomic(view))


def page(view: View) -> View:
    """Make a view one of our pages: never cached, found or not, and its address not sent to other sites."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if _lacks_strict_cookies(request):
            return _dress(onward(request, request.get_full_path()))
        try:
            response = view(request, *args, **kwargs)
        except (OrderNotFoundError, SessionNotFoundError):
            # The site's own page, so not under our policy; what it is about must not be cached either.
            return response_for_exception(request, Http404())
        return _dress(_for_htmx(request, response))

    return endpoint(never_cache(wrapped))


def leave(request: HttpRequest, url: str) -> HttpResponse:
    """Lead on to a page at Stripe: 303, or a page that leads on where a policy would block the redirect.

    Chromium applies ``form-action`` to the redirect that answers a form. A payment page at a domain of the shop's is in
    nobody's policy: https://docs.stripe.com/payments/checkout/custom-domains.
    """
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" in csp_directives()["form-action"]:
        return SeeOther(url)
    return onward(request, url)


def onward(request: HttpRequest, url: str) -> HttpResponse:
    """Show a page that goes on to another by itself, without a script, and has a link for browsers that do not."""
    response = render(request, "django_checkout/onward.html", {"url": url})
    response.headers["Refresh"] = f"0;url={url}"
    return response


def _dress(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Referrer-Policy", "same-origin")
    # Wallets and 3-D Secure open windows, which "same-origin", Django's default, would cut off.
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
    return set_page_policy(response)


def _lacks_strict_cookies(request: HttpRequest) -> bool:
    """Whether the browser came from another site and has kept back the session's cookie for that reason.

    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#samesitesamesite-value. The next request
    comes from our own page and has it.
    """
    return (
        request.method == "GET"
        and conf.session_samesite == "strict"
        and request.headers.get("Sec-Fetch-Site") == "cross-site"
    )


def _for_htmx(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Let htmx load a whole page of ours, or Stripe's, where it would swap a body: https://htmx.org/headers/hx-redirect/."""
    if request.headers.get("HX-Request") != "true":
        return response
    url = response.headers.get("Location") or response.headers.get("Refresh", "").partition("url=")[2]
    if request.method == "GET" and response.headers.get("Content-Type", "").startswith("text/html"):
        url = request.get_full_path()
    if url:
        response.status_code = 200
        response.headers["HX-Redirect"] = url
        del response.headers["Location"]
    return response
