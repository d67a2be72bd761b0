"""The page of a payment link, which opens a session for its visitor."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import parse_qs

from django.utils import translation

from django_checkout.emulator.api.document import parameters_of
from django_checkout.emulator.api.resources import payment_links
from django_checkout.emulator.messages import ApiError, Doc, Request, Response
from django_checkout.emulator.payer import shopper_input
from django_checkout.emulator.payer.rendering import language_of, redirect, render, security_headers
from django_checkout.emulator.state.state import State


class LinkPage:
    """Answers ``/buy/<code>``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def answer(self, request: Request) -> Response:
        """Redirect to the page of a new session, or say that the link is inactive."""
        with self._state.transaction():
            code = request.path.strip("/").partition("/")[2]
            link = next(iter(self._state.store.select(payment_links.KIND, {"_code": code})), None)
        if link is None:
            return _message(request, "missing", 404)
        if link["active"]:
            # A price, product or shipping rate of the link may be archived.
            with suppress(ApiError), self._state.transaction():
                return redirect(self._open(link, request)["url"])
        return _message(request, "inactive", 200, text=link["inactive_message"] or "")

    def _open(self, link: Doc, request: Request) -> Doc:
        """Create a session with the parameters of the URL: https://docs.stripe.com/payment-links/url-parameters."""
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        chosen = {}
        if re.fullmatch(r"[\w-]{1,200}", query.get("client_reference_id", ""), re.ASCII):
            chosen["client_reference_id"] = query["client_reference_id"]
        if query.get("locale") in _locales():
            chosen["locale"] = query["locale"]
        if "locked_prefilled_email" in query:
            chosen["customer_email"] = query["locked_prefilled_email"]
        session = payment_links.open_session(self._state, link, request.base_url, **chosen)
        session["_typed"] = {"email": query.get("prefilled_email", "")}
        code = query.get("prefilled_promo_code")
        if code and link["allow_promotion_codes"]:
            # Stripe opens the page without a code that is not valid.
            with suppress(ApiError):
                session = shopper_input.enter(self._state, {**session}, {"promotion_code": code})
        return self._state.store.save(session)


def _locales() -> list[str]:
    return parameters_of("POST /v1/checkout/sessions").find("locale").kind.split()[1:]


def _message(request: Request, kind: str, status: int, *, text: str = "") -> Response:
    with translation.override(language_of(request, None)):
        return render("message.html", request, {"kind": kind, "text": text}, security_headers(()), status=status)
