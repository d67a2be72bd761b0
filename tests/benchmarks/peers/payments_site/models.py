from __future__ import annotations

from payments.models import BasePayment


class Payment(BasePayment):
    """A payment of the site."""

    def __str__(self) -> str:
        return self.token
