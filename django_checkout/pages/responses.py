"""What the responses of our pages have in common: open to guests, never cached, with our Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.decorators import login_not_required
from django.core.handlers.exception import response_for_exception
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from django_checkout.conf import conf
from django_checkout.csp import csp_directives, set_page_policy
from django_checkout.exceptions import (
    CheckoutError,
    MigrationsPendingError,
    OrderNotFoundError,
    SessionNotFoundError,
    is_schema_missing,
)
from django_checkout.models import database
from django_checkout.stripe_api.time_limit import time_limit
from django_checkout.telemetry import logs

View = Callable[..., HttpResponse]
AnyView = TypeVar("AnyView", bound=Callable[..., Any])
Response = TypeVar("Response", bound=HttpResponseBase)


class SeeOther(HttpResponseRedirect):
    """303: redirect after a POST, to a page that is fetched with GET (RFC 9110, 15.4.4)."""

    status_code = 303


def endpoint(view: AnyView) -> AnyView:
    """Exempt a view from site-wide login and from ATOMIC_REQUESTS of every database, and limit its waits for Stripe.

    A signed link, a signature or the view itself decides who may see what; services open their own transactions.
    """
    wrapped: Any
    if iscoroutinefunction(view):

        @wraps(view)
        async def wrapped(*args: Any, **kwargs: Any) -> HttpResponse:
            with time_limit():
                return await view(*args, **kwargs)  # type: ignore[no-any-return]
    else:

        @wraps(view)
        def wrapped(*args: Any, **kwargs: Any) -> HttpResponse:
            with time_limit():
                return view(*args, **kwargs)  # type: ignore[no-any-return]

    return cast("AnyView", login_not_required(database.non_atomic(wrapped)))


def page(view: View) -> View:
    """Turn a view into one of our pages: never cached, not even as a 404, and its URL is not sent to other sites."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if _lacks_strict_cookies(request):
            return _add_headers(redirect_page(request, request.get_full_path()))
        try:
            response = view(request, *args, **kwargs)
        except (OrderNotFoundError, SessionNotFoundError):
            # The site's own 404 page, without our policy. It must not be cached either.
            return response_for_exception(request, Http404())
        except DatabaseError as error:
            if not is_schema_missing(error):
                raise
            logs.error_once(error, "page_failed")
            response = message_page(request, MigrationsPendingError("Run manage.py migrate."))
        return _add_headers(_for_htmx(request, response))

    return endpoint(never_cache(wrapped))


def followed(view: View) -> View:
    """Say what to do if the order of a link that a person followed is not found, in place of the site's 404 page."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (OrderNotFoundError, SessionNotFoundError):
            return render(request, "django_checkout/not_found.html", status=404)

    return wrapped


def redirect_to_stripe(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect to a page at Stripe: a 303, or our redirect page if ``form-action`` would block the 303.

    Chromium applies ``form-action`` to the redirect after a form too, and the policy does not list a custom domain of
    the payment page: https://docs.stripe.com/payments/checkout/custom-domains.
    """
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" in csp_directives()["form-action"]:
        return SeeOther(url)
    return redirect_page(request, url)


def with_retry_after(response: Response, error: CheckoutError) -> Response:
    """Return the response to an error, with ``Retry-After`` if the same request may succeed later."""
    if error.is_temporary:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response


def message_page(request: HttpRequest, error: CheckoutError, *, host_url: str = "") -> HttpResponse:
    """Show the message of an error, and nothing else."""
    context = {"error_message": error.user_message, "host_url": host_url}
    response = render(request, "django_checkout/message.html", context, status=error.http_status)
    return with_retry_after(response, error)


def redirect_page(request: HttpRequest, url: str, template: str = "django_checkout/redirect.html") -> HttpResponse:
    """Show a page that redirects by its ``Refresh`` header, and has a link for browsers that ignore it."""
    response = render(request, template, {"url": url})
    response.headers["Refresh"] = f"0;url={url}"
    return response


def _add_headers(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Referrer-Policy", "same-origin")
    # Wallets and 3-D Secure open windows. "same-origin", Django's default, would cut them off from the page.
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
    return set_page_policy(response)


def _lacks_strict_cookies(request: HttpRequest) -> bool:
    """Whether the browser comes from another site and so does not send a session cookie with ``SameSite=Strict``.

    A request that our own page makes has the cookie:
    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#samesitesamesite-value.
    """
    return (
        request.method == "GET"
        and conf.session_samesite == "strict"
        and request.headers.get("Sec-Fetch-Site") == "cross-site"
    )


def _for_htmx(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Make htmx load a page of ours or Stripe's as a whole, without swapping its body: https://htmx.org/headers/hx-redirect/."""
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
