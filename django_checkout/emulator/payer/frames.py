"""The frames of Elements: pages of the emulator inside a page of the shop."""

from __future__ import annotations

from django.utils import translation

from django_checkout.emulator.api.resources.sessions import KIND
from django_checkout.emulator.messages import Doc, Request, Response
from django_checkout.emulator.payer.page_view import method_choices
from django_checkout.emulator.payer.rendering import COUNTRIES, country_names, frame_headers, language_of, render
from django_checkout.emulator.payer.tokens import Tokens
from django_checkout.emulator.state.state import State

#: Elements to the suffixes of their templates.
KINDS = {
    "payment": "payment",
    "contactDetails": "contact",
    "billingAddress": "address",
    "shippingAddress": "address",
    "currencySelector": "currency",
    "expressCheckout": "wallet",
    "taxId": "tax_id",
}
#: Countries whose addresses have a state.
WITH_STATE = "AU BR CA IN IT JP MX US"


class ElementFrames:
    """Answers ``/elements/<element>/<session>``."""

    def __init__(self, state: State, tokens: Tokens) -> None:
        self._state = state
        self._tokens = tokens

    def answer(self, request: Request) -> Response:
        """Return the frame, or 404 without the session's frame token."""
        _root, _slash, rest = request.path.strip("/").partition("/")
        kind, _slash, session_id = rest.partition("/")
        with self._state.transaction():
            session = self._state.store.find(session_id, KIND)
        if session is None or kind not in KINDS or not self._tokens.is_frame_valid(request, session):
            return Response(status=404, headers=frame_headers(), body=b"Not found")
        with translation.override(language_of(request, session)):
            return self._render(request, session, kind)

    def _render(self, request: Request, session: Doc, kind: str) -> Response:
        allowed = (session["shipping_address_collection"] or {}).get("allowed_countries")
        context = {
            "kind": kind,
            "part": f"django_checkout/emulator/element_{KINDS[kind]}.html",
            "now": self._state.clock.now(),
            "session": session,
            "countries": country_names(allowed if kind == "shippingAddress" and allowed else COUNTRIES),
            "with_state": WITH_STATE,
            "has_phone": session["phone_number_collection"]["enabled"],
            **method_choices(session),
        }
        return render("element.html", request, context, frame_headers())
