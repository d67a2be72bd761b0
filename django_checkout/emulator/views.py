"""The emulator inside a Django site: the same pages and API, under the site's own address."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from django_checkout.conf import conf

from .messages import DroppedError, Request
from .shared import get_emulator


class _EveryAlias:
    """The databases on which a view opens no transaction of ``ATOMIC_REQUESTS``: all of them."""

    def __contains__(self, alias: object) -> bool:
        return True


@login_not_required  # Nor does a visitor of Stripe's have an account of the shop's.
@csrf_exempt  # The API is called with a key; the pages carry a token of their own.
def serve(request: HttpRequest, root: str, rest: str = "") -> HttpResponseBase:
    """Hand a request to the emulator; 404 unless ``CHECKOUT_EMULATOR`` is true and no live key is set."""
    if not conf.CHECKOUT_EMULATOR or conf.has_live_key:
        raise Http404
    prefix = reverse("django_checkout_emulator:index").rstrip("/")
    asked = Request(
        method=request.method or "GET",
        base_url=request.build_absolute_uri(prefix or "/").rstrip("/"),
        path=f"/{root}/{rest}",
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )
    try:
        answer = get_emulator().handle(asked)
    except DroppedError:
        # A view cannot hang up on its client; an empty 502 is what a proxy would make of it.
        return HttpResponse(status=502)
    response = HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
    # The emulator says itself which of its pages may be framed; the site's middleware would refuse all of them.
    response.xframe_options_exempt = True
    return response


# A payment waits until the site has taken its events, and an open transaction would hold locks that the site needs.
serve._non_atomic_requests = _EveryAlias()  # type: ignore[attr-defined]  # where Django's handler looks
