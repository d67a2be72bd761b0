"""The frozen values that cross a boundary: what the host says of its order, and what Stripe says happened.

Amounts are ``int`` minor units. A field of a fact that is None was not said; it is never read as "empty".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


def _keep_as_text(value: Any, name: str) -> None:
    """Replace a number or a UUID, which hosts have as keys, by its text."""
    key = getattr(value, name)
    if isinstance(key, (int, UUID)) and not isinstance(key, bool):
        object.__setattr__(value, name, str(key))


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
    #: The host's own article number, kept as text; ours to show, never sent to Stripe.
    sku: str = ""
    #: Stripe's tax category, e.g. ``txcd_99999999``.
    tax_code: str = ""
    #: ``inclusive`` or ``exclusive``; empty leaves it to the Stripe account.
    tax_behavior: str = ""
    #: ``day``, ``week``, ``month`` or ``year`` makes it a subscription; empty is paid once.
    recurring_interval: str = ""
    recurring_interval_count: int = 1
    #: Up to how many the shopper may make it on the payment page; None: the quantity is fixed.
    maximum_quantity: int | None = None

    def __post_init__(self) -> None:
        _keep_as_text(self, "sku")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingOption:
    """One way to ship, as the shopper chooses it on the payment page."""

    name: str
    #: Price in minor units of the order's currency.
    amount_minor: int
    #: Business days, e.g. ``(2, 4)``; None says nothing.
    business_days: tuple[int, int] | None = None
    tax_code: str = ""
    tax_behavior: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomField:
    """A question on the payment page (hosted and embedded); at most three, and never for card data."""

    #: Alphanumeric, unique; the answer comes back under it.
    key: str
    label: str
    is_optional: bool = False
    #: Value to label makes it a drop-down list; empty asks for text.
    choices: Mapping[str, str] = field(default_factory=dict)
    is_numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOptions:
    """What else Checkout does for an order; each is a parameter of Stripe's, and all are off by default.

    https://docs.stripe.com/api/checkout/sessions/create
    """

    #: Stripe Tax computes and adds tax.
    automatic_tax: bool = False
    #: Businesses may give their tax id.
    collect_tax_ids: bool = False
    #: The shopper may type a promotion code; excludes ``coupon``, ``promotion_code`` and ``discount_minor``.
    allow_promotion_codes: bool = False
    #: An existing coupon, or promotion code (``promo_...``), applied from the start.
    coupon: str = ""
    promotion_code: str = ""
    #: A one-off discount of the host's cart, in minor units; we make the coupon.
    discount_minor: int = 0
    discount_name: str = ""
    #: ISO 3166-1 alpha-2 codes, and ``UK``; asks for a shipping address.
    shipping_countries: tuple[str, ...] = ()
    #: At most five.
    shipping_options: tuple[ShippingOption, ...] = ()
    #: Local currencies by Adaptive Pricing; None leaves it to the Stripe account.
    adaptive_pricing: bool | None = None
    collect_billing_address: bool = False
    collect_phone: bool = False
    #: Make a Customer at Stripe even for guests.
    create_customer: bool = False
    #: Make an invoice for a one-time payment.
    create_invoice: bool = False
    #: Offer to keep the card: ``on_session`` to pay faster next time, ``off_session`` to be charged later.
    save_card: str = ""
    custom_fields: tuple[CustomField, ...] = ()
    require_terms_of_service: bool = False
    ask_for_promotions: bool = False
    #: ``auto``, ``book``, ``donate``, ``pay`` or ``subscribe``.
    submit_type: str = ""
    #: ``background_color``, ``button_color``, ``display_name`` ... as Stripe names them.
    branding: Mapping[str, Any] = field(default_factory=dict)
    #: Prices at Stripe (``price_...``) that the shopper may add.
    optional_prices: tuple[str, ...] = ()
    #: Free days before a subscription's first payment.
    trial_days: int = 0
    #: An expired session leaves a link, valid for 30 days, by which the cart is recovered.
    recover_expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderData:
    """What the host says of one of its orders."""

    #: The host's order number: unique, and what is written into Stripe's metadata as ``order_id``. Printable, at most
    #: 200 characters, and no e-mail address; an integer or a UUID is kept as text.
    reference: str
    #: ISO 4217; any case.
    currency: str
    lines: tuple[LineData, ...]
    #: The user who owns the order, or None for a guest.
    user: Any = None
    #: Where the receipt goes. One that Stripe does not take is left out, and the shopper types another.
    email: str = ""
    #: Language of the payment page, in Django's or Stripe's spelling; empty, or one that Stripe does not speak, lets
    #: the browser decide.
    locale: str = ""
    #: ``payment``, ``subscription`` or ``setup``; empty: subscription if a line recurs, else payment.
    mode: str = ""
    options: CheckoutOptions = field(default_factory=CheckoutOptions)
    #: The host's own keys on the Stripe objects. Never personal data; ``order_id`` and ``checkout_session`` are ours.
    #: A value that might be a card number is left out.
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _keep_as_text(self, "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """What an object of Stripe's says about whose it is: read from its metadata, and proof only with the UUID."""

    #: ``metadata[order_id]`` or ``client_reference_id``.
    reference: str = ""
    #: ``metadata[checkout_session]``: the random UUID of our own row.
    session_uuid: str = ""
    livemode: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFact:
    """What Stripe said of one line item: https://docs.stripe.com/api/checkout/sessions/line_items."""

    unit_amount_minor: int | None
    quantity: int
    currency: str
    recurring: str = ""
    #: The Price's id: an optional item is recognised by it.
    price_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFact:
    """What Stripe said of a Checkout Session: https://docs.stripe.com/api/checkout/sessions/object."""

    stripe_id: str
    ownership: Ownership
    #: Set when the session is created; no later call can change it, unlike its metadata.
    client_reference_id: str = ""
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
    recovery_url: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)
    #: What an expanded PaymentIntent said in the same read.
    payment: PaymentFact | None = None
    #: What was bought, where it was read: needed if the shopper could change it. See ``LineFact``.
    lines: tuple[LineFact, ...] | None = None
    #: True where the event type says that a delayed payment failed.
    has_async_failed: bool = False
    #: What the shopper typed: ``email``, ``name``, ``phone``, ``billing_address``, ``shipping`` ... Personal data.
    customer_details: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedSession:
    """Stripe's answer to a create call: the fact, the request's id, and the secret that is handed on, never stored."""

    fact: SessionFact
    request_id: str
    client_secret: str = field(default="", repr=False)


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
    #: A Radar review of it, which may be over.
    review_id: str | None = None


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
    #: "" where no money moved (yet), as when the rest of an authorization is released.
    balance_transaction_id: str = ""
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
    #: Net of what the dispute took from the balance, in minor units of its currency; 0 and "" before funds moved.
    withdrawn_minor: int = 0
    withdrawn_currency: str = ""
    livemode: bool | None = None
    ticket: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudWarningFact:
    """What Stripe said of a Radar early fraud warning."""

    stripe_id: str
    payment_intent_id: str | None
    charge_id: str | None
    fraud_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFact:
    """What Stripe said of a Radar review: https://docs.stripe.com/api/radar/reviews/object."""

    stripe_id: str
    payment_intent_id: str | None
    charge_id: str | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFact:
    """What a read from Stripe said of a Subscription. It can move back, so ``ticket`` tells which read is newer."""

    stripe_id: str
    ownership: Ownership
    customer_id: str
    status: str
    is_canceled_at_period_end: bool
    current_period_end: datetime | None
    ended_at: datetime | None
    ticket: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFact:
    """What Stripe said of a subscription's invoice: https://docs.stripe.com/api/invoices/object."""

    stripe_id: str
    #: The subscription's, as it was when the invoice was made.
    ownership: Ownership
    subscription_id: str
    status: str
    #: ``subscription_create`` for the first, which the Checkout Session pays.
    billing_reason: str
    amount_paid_minor: int
    amount_due_minor: int
    currency: str
    has_payment_failed: bool = False


Fact = (
    SessionFact
    | PaymentFact
    | RefundFact
    | DisputeFact
    | FraudWarningFact
    | ReviewFact
    | SubscriptionFact
    | InvoiceFact
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventData:
    """One event as a handler sees it: verified, recorded, its object as plain JSON types."""

    id: str
    #: Without the ``v1.`` of thin events.
    type: str
    livemode: bool
    created_at: datetime
    #: The Stripe object: the payload's, or a fresh read where the payload had none or only rang the bell.
    object: Mapping[str, Any] = field(repr=False)
    #: The number of the read that ``object`` came from, later reads having larger numbers; 0 for a payload's.
    ticket: int = 0
    #: ``acct_...`` where the event is another account's (Connect); "" where it is ours. Such an object is never read.
    account: str = ""
