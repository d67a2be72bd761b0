"""The frozen values that cross a boundary: what the host says of its order, and what Stripe says happened.

Amounts are ``int`` minor units. A field of a fact that is None was not said; it is never read as "empty".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LineData:
    """One line of an order, as the shopper will read it on the payment page."""

    name: str
    #: Price of one, in minor units of the order's currency, tax as the host's price says.
    unit_amount_minor: int
    quantity: int = 1
    description: str = ""
    #: Absolute https URL of a picture.
    image_url: str = ""
    #: The host's own article number; ours to show, never sent to Stripe.
    sku: str = ""
    #: Stripe's tax category, e.g. ``txcd_99999999``.
    tax_code: str = ""
    #: ``inclusive`` or ``exclusive``; empty leaves it to the Stripe account.
    tax_behavior: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderData:
    """What the host says of one of its orders."""

    #: The host's order number: unique, and what is written into Stripe's metadata as ``order_id``.
    reference: str
    #: ISO 4217; any case.
    currency: str
    lines: tuple[LineData, ...]
    #: The user who owns the order, or None for a guest.
    user: Any = None
    email: str = ""
    #: Language of the payment page, as Stripe spells it; empty lets the browser decide.
    locale: str = ""
    #: The host's own keys on the Stripe objects. Never personal data; ``order_id`` and ``checkout_session`` are ours.
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """What an object of Stripe's says about whose it is: read from its metadata, and proof only with the UUID."""

    #: ``metadata[order_id]`` or ``client_reference_id``.
    reference: str = ""
    #: ``metadata[checkout_session]``: the random UUID of our own row.
    session_uuid: str = ""
    livemode: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFact:
    """What Stripe said of a Checkout Session: https://docs.stripe.com/api/checkout/sessions/object."""

    stripe_id: str
    ownership: Ownership
    status: str | None = None
    payment_status: str | None = None
    mode: str | None = None
    currency: str | None = None
    amount_subtotal_minor: int | None = None
    amount_total_minor: int | None = None
    amount_discount_minor: int | None = None
    amount_shipping_minor: int | None = None
    amount_tax_minor: int | None = None
    presentment_currency: str | None = None
    presentment_amount_minor: int | None = None
    payment_intent_id: str | None = None
    subscription_id: str | None = None
    invoice_id: str | None = None
    customer_id: str | None = None
    expires_at: datetime | None = None
    recovered_from: str | None = None
    recovery_url: str | None = None
    url: str | None = None
    #: True where the event type says that a delayed payment failed.
    has_async_failed: bool = False
    #: What the shopper typed: ``email``, ``name``, ``phone``, ``billing_address``, ``shipping`` ... Personal data.
    customer_details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFact:
    """What Stripe said of a PaymentIntent, or of the Charge that it led to."""

    payment_intent_id: str
    ownership: Ownership
    #: The PaymentIntent's status; None where a Charge spoke.
    status: str | None = None
    currency: str | None = None
    amount_minor: int | None = None
    captured_minor: int | None = None
    charge_id: str | None = None
    capture_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFact:
    """What Stripe said of a Refund: https://docs.stripe.com/api/refunds/object."""

    stripe_id: str
    #: Either may be missing: an old refund names its charge only.
    payment_intent_id: str | None
    charge_id: str | None
    amount_minor: int
    currency: str
    status: str | None
    reason: str = ""
    failure_reason: str = ""
    #: ``metadata[checkout_refund]``: the UUID of our own row, where we asked for it.
    refund_uuid: str = ""
    livemode: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeFact:
    """What a read from Stripe said of a Dispute. Disputes can move back, so ``ticket`` tells which read is newer."""

    stripe_id: str
    payment_intent_id: str | None
    charge_id: str | None
    amount_minor: int
    currency: str
    status: str
    reason: str
    due_by: datetime | None
    #: Net of what the dispute took from the balance, in minor units; 0 before funds moved.
    withdrawn_minor: int = 0
    livemode: bool | None = None
    ticket: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudWarningFact:
    """What Stripe said of a Radar early fraud warning."""

    stripe_id: str
    payment_intent_id: str | None
    charge_id: str | None
    fraud_type: str


Fact = SessionFact | PaymentFact | RefundFact | DisputeFact | FraudWarningFact


@dataclass(frozen=True, slots=True, kw_only=True)
class EventData:
    """One event as a handler sees it: verified, recorded, its object as plain JSON types."""

    id: str
    #: Without the ``v1.`` of thin events.
    type: str
    livemode: bool
    created_at: datetime
    #: The Stripe object: the payload's, or a fresh read where the payload had none or only rang the bell.
    object: Mapping[str, Any]
    #: The number of the read that ``object`` came from, later reads having larger numbers; 0 for a payload's.
    ticket: int = 0
