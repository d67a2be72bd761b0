"""The emulator inside a Django site: the same pages and API, under the site's own address."""

from __future__ import annotations

import logging
from urllib.parse import quote

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from django_checkout.emulator.messages import DroppedError, Request, StoreError
from django_checkout.emulator.site import get_emulator

logger = logging.getLogger("django_checkout.emulator")

#: How long the API hangs at most. Clients give up earlier.
HANG_SECONDS = 60


class _EveryAlias:
    """Contains every database alias, so that the view never runs in an ``ATOMIC_REQUESTS`` transaction."""

    def __contains__(self, alias: object) -> bool:
        return True


@login_not_required  # Visitors of Stripe's pages have no account at the shop either.
@csrf_exempt  # The API is called with a key, and the pages have tokens of their own.
def serve(request: HttpRequest, root: str, rest: str = "") -> HttpResponseBase:
    """Pass a request to the emulator, or respond with 404 if the site does not allow it.

    The response is 503 with the reason if the emulator's store cannot be opened.
    """
    try:
        emulator = get_emulator()
    except StoreError as error:
        logger.error("%s", error)
        return HttpResponse(str(error), status=503, content_type="text/plain; charset=utf-8")
    if emulator is None:
        raise Http404
    prefix = reverse("django_checkout_emulator:index").rstrip("/")
    passed = Request(
        method=request.method or "GET",
        base_url=request.build_absolute_uri(prefix or "/").rstrip("/"),
        # As it was sent: Django has unquoted it.
        path=quote(f"/{root}/{rest}", safe="/+"),
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )
    try:
        answer = emulator.handle(passed)
    except DroppedError as error:
        if error.timeout:
            emulator.incidents.wait_for_end(HANG_SECONDS)
        # A view cannot close the connection. A proxy would respond with an empty 502.
        return HttpResponse(status=502)
    response = HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
    # The emulator sets the framing policy of each page; the site's middleware would refuse all frames.
    response.xframe_options_exempt = True
    return response


# A payment waits until the site has received its events; an open transaction would hold locks that the site needs.
serve._non_atomic_requests = _EveryAlias()  # type: ignore[attr-defined]  # where Django's handler looks
