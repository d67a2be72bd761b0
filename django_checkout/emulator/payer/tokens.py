"""Tokens of the pages: a form's protects against forgery, a frame's replaces the session's client secret."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qs

from django_checkout.emulator.api.resources.session_rules import ELEMENTS, EMBEDDED
from django_checkout.emulator.messages import Doc, Request


class Tokens:
    """Makes and checks the tokens of one emulator."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def form(self, subject: str) -> str:
        """Return the token of a form, which other sites cannot read from the page."""
        return hmac.new(self.secret.encode(), subject.encode(), hashlib.sha256).hexdigest()

    def frame(self, session_id: str) -> str:
        """Return the token that opens the frames of a session; only the client API returns it."""
        return self.form(f"frame {session_id}")

    def is_form_valid(self, request: Request, subject: str) -> bool:
        """Return whether a form carries its token."""
        return hmac.compare_digest(request.form.get("token", "").encode(), self.form(subject).encode())

    def is_frame_valid(self, request: Request, session: Doc) -> bool:
        """Return whether the query carries the frame token of a session that has frames."""
        token = parse_qs(request.query).get("frame", [""])[0]
        right = self.frame(session["id"])
        return session["ui_mode"] in (ELEMENTS, EMBEDDED) and hmac.compare_digest(token.encode(), right.encode())
