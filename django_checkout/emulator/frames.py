"""The frames of Elements: each a page of the emulator inside a page of the shop, opened with a token of its session."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from django.template import Context
from django.utils import translation

from . import cards
from .completion import offers_saving
from .messages import Doc, Request, Response
from .rendering import COUNTRIES, country_names, engine, frame_headers, language_of
from .resources.session_rules import ELEMENTS
from .telling import TAX_IDS

if TYPE_CHECKING:
    from .emulator import Emulator

#: Element to the part of the template that draws it.
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
COMMON_CARDS = 5


class ElementFrames:
    """Answers requests to ``/elements/<kind>/<session>``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def answer(self, request: Request) -> Response:
        """Return the frame, in the language of the session or of the browser."""
        _root, _slash, rest = request.path.strip("/").partition("/")
        kind, _slash, session_id = rest.partition("/")
        session = self._emulator.find_session(session_id)
        if session is None or kind not in KINDS or not is_admitted(self._emulator, request, session):
            return Response(status=404, headers=frame_headers(), body=b"Not found")
        with translation.override(language_of(request, session)):
            return self._render(request, session, kind)

    def _render(self, request: Request, session: Doc, kind: str) -> Response:
        allowed = (session["shipping_address_collection"] or {}).get("allowed_countries")
        context = {
            "base_url": urlsplit(request.base_url).path,
            "language": translation.get_language() or "en",
            "direction": "rtl" if translation.get_language_bidi() else "ltr",
            "kind": kind,
            "part": f"django_checkout/emulator/element_{KINDS[kind]}.html",
            "now": self._emulator.clock.now(),
            "session": session,
            "countries": country_names(allowed if kind == "shippingAddress" and allowed else COUNTRIES),
            "with_state": WITH_STATE,
            "has_phone": session["phone_number_collection"]["enabled"],
            "common_cards": cards.CARDS[:COMMON_CARDS],
            "other_cards": cards.CARDS[COMMON_CARDS:],
            "bank_accounts": cards.BANK_ACCOUNTS if len(session["payment_method_types"]) > 1 else (),
            "offers_saving": offers_saving(session),
            "tax_id_types": tuple(TAX_IDS),
        }
        body = engine().get_template("django_checkout/emulator/element.html").render(Context(context, use_l10n=False))
        return Response(status=200, headers={**HTML, **frame_headers()}, body=body.encode())


HTML = {"Content-Type": "text/html; charset=utf-8"}


def is_admitted(emulator: Emulator, request: Request, session: Doc) -> bool:
    """Return whether a frame of a session is opened by somebody who has shown its client secret."""
    token = parse_qs(request.query).get("frame", [""])[0]
    right = emulator.frame_token(session["id"])
    return session["ui_mode"] in (ELEMENTS, "embedded_page") and hmac.compare_digest(token, right)
