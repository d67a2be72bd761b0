"""Stripe's events: verified, stored once, processed by handlers, and retried if they fail.

Faces, operations and reconciliation import it. Handlers apply facts through the ledger; only ``inbox`` writes the state
of an event. ``handles`` registers a host's handler for an event type.
"""

from __future__ import annotations

from django_checkout.webhooks.registration import handles

__all__ = ["handles"]
