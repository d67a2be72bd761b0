"""The base class of the app's exceptions."""

from __future__ import annotations

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class CheckoutError(Exception):
    """The base class of the app's exceptions."""

    code: ClassVar[str] = "checkout_error"
    http_status: ClassVar[int] = 500
    user_message: ClassVar[Promise | str] = _("Something went wrong. You have not been charged. Please try again.")
    #: The ``Retry-After`` header of responses with 429 and 503.
    retry_after_seconds: int = 5

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        return self.http_status in (429, 503)
