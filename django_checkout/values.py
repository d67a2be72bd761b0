"""Frozen values: the data of the host's orders, and the facts that are read from Stripe.

Amounts are ``int`` minor units. A field of a fact is None if Stripe's object lacks it; None never means empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django_checkout.next_actions import ActionDetail as ActionDetail
from django_checkout.next_actions import ActionFact as ActionFact
from django_checkout.next_actions import NextAction as NextAction


def _keep_as_text(value: Any, name: str) -> None:
    key = getattr(value, name)
    if isinstance(key, (int, UUID)) and not isinstance(key, bool):
        object.__setattr__(value, name, str(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class LineData:
    """A line of an order, as the payment page shows it."""

    name: str
    #: The price of one unit in minor units; ``tax_behavior`` says whether it includes tax.
    unit_amount_minor: int
    quantity: int = 1
    description: str = ""
    #: The absolute https URL of an image.
    image_url: str = ""
    #: The host's article number, stored as text and not sent to Stripe.
    sku: str = ""
    #: Stripe's tax code, for example ``txcd_99999999``.
    tax_code: str = ""
    #: ``inclusive`` or ``exclusive``; the Stripe account's default if empty.
    tax_behavior: str = ""
    #: ``day``, ``week``, ``month`` or ``year`` for a subscription; empty for a one-time payment.
    recurring_interval: str = ""
    recurring_interval_count: int = 1
    #: The largest quantity that the shopper may choose on the payment page; None for a fixed quantity.
    maximum_quantity: int | None = None

    def __post_init__(self) -> None:
        _keep_as_text(self, "sku")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingOption:
    """A shipping option that the shopper can choose on the payment page."""

    name: str
    #: The price in minor units of the order's currency.
    amount_minor: int
    #: The delivery estimate in business days, for example ``(2, 4)``.
    business_days: tuple[int, int] | None = None
    tax_code: str = ""
    tax_behavior: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomField:
    """A custom field on the hosted and embedded payment page; at most three, and never for card data."""

    #: The alphanumeric, unique name of the answer.
    key: str
    label: str
    is_optional: bool = False
    #: The values and labels of a drop-down list; empty for a text field.
    choices: Mapping[str, str] = field(default_factory=dict)
    is_numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOptions:
    """Options of an order's Checkout Sessions, all off by default.

    https://docs.stripe.com/api/checkout/sessions/create
    """

    #: Calculate and add tax with Stripe Tax.
    automatic_tax: bool = False
    #: Let businesses enter a tax ID.
    collect_tax_ids: bool = False
    #: Let the shopper enter a promotion code; excludes ``coupon``, ``promotion_code`` and ``discount_minor``.
    allow_promotion_codes: bool = False
    #: Apply an existing coupon or promotion code (``promo_...``).
    coupon: str = ""
    promotion_code: str = ""
    #: Apply a one-off discount in minor units; the app creates the coupon.
    discount_minor: int = 0
    discount_name: str = ""
    #: Collect a shipping address in these countries: ISO 3166-1 alpha-2 codes, or ``UK``.
    shipping_countries: tuple[str, ...] = ()
    #: At most five.
    shipping_options: tuple[ShippingOption, ...] = ()
    #: Show local currencies with Adaptive Pricing; the Stripe account's default if None.
    adaptive_pricing: bool | None = None
    collect_billing_address: bool = False
    collect_phone: bool = False
    #: Create a Customer at Stripe for guests too.
    create_customer: bool = False
    #: Create an invoice for a one-time payment.
    create_invoice: bool = False
    #: What the invoice says; any of these creates it. A Japanese qualified invoice has the shop's registration number
    #: and a European one its VAT ID, in a custom field or as ``invoice_account_tax_ids`` (``txi_...``).
    invoice_description: str = ""
    invoice_footer: str = ""
    #: At most four names and values, for example ``{"Registration number": "T1234567890123"}``.
    invoice_custom_fields: Mapping[str, str] = field(default_factory=dict)
    invoice_account_tax_ids: tuple[str, ...] = ()
    invoice_metadata: Mapping[str, str] = field(default_factory=dict)
    #: How the invoice shows tax: ``include_inclusive_tax`` or ``exclude_tax``.
    invoice_tax_display: str = ""
    #: Offer to save the card: ``on_session`` for the shopper's next payment, ``off_session`` to charge it later.
    save_card: str = ""
    custom_fields: tuple[CustomField, ...] = ()
    require_terms_of_service: bool = False
    ask_for_promotions: bool = False
    #: ``auto``, ``book``, ``donate``, ``pay`` or ``subscribe``.
    submit_type: str = ""
    #: Stripe's ``branding_settings``: ``background_color``, ``button_color``, ``display_name`` ...
    branding: Mapping[str, Any] = field(default_factory=dict)
    #: Stripe prices (``price_...``) of optional items that the shopper may add.
    optional_prices: tuple[str, ...] = ()
    #: The length of a subscription's free trial.
    trial_days: int = 0
    #: Whether the embedded and the Elements checkout leave the page once they are complete: ``always`` (the default),
    #: ``if_required`` by the payment method, or ``never``, which excludes such methods in the embedded checkout.
    redirect_on_completion: str = ""
    #: Create a recovery link, valid for 30 days, when the session expires.
    recover_expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderData:
    """The data of one of the host's orders."""

    #: The host's unique order number, written into Stripe's metadata as ``order_id``. Printable, at most 200
    #: characters, and no email address; an integer or a UUID is converted to text.
    reference: str
    #: An ISO 4217 code in any case.
    currency: str
    lines: tuple[LineData, ...]
    #: The user who owns the order, or None for a guest.
    user: Any = None
    #: The shopper's email address. If Stripe would refuse it, it is not sent and the shopper enters another one.
    email: str = ""
    #: The language of the payment page, in Django's or Stripe's spelling. If it is empty or Stripe does not support
    #: it, Stripe uses the browser's language.
    locale: str = ""
    #: ``payment``, ``subscription`` or ``setup``. If empty: ``subscription`` if a line recurs, else ``payment``.
    mode: str = ""
    options: CheckoutOptions = field(default_factory=CheckoutOptions)
    #: The host's metadata on Stripe's objects, without personal data; ``order_id`` and ``checkout_session`` are
    #: reserved. Values that may be card numbers are not sent.
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _keep_as_text(self, "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The owner of a Stripe object according to its metadata; only the session's UUID is proof."""

    #: ``metadata[order_id]`` or ``client_reference_id``.
    reference: str = ""
    #: ``metadata[checkout_session]``: the random UUID of our row.
    session_uuid: str = ""
    livemode: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFact:
    """A line item at Stripe: https://docs.stripe.com/api/checkout/sessions/line_items."""

    unit_amount_minor: int | None
    quantity: int
    currency: str
    recurring: str = ""
    #: The Price's id, which identifies an optional item.
    price_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFact:
    """A Checkout Session at Stripe: https://docs.stripe.com/api/checkout/sessions/object."""

    stripe_id: str
    ownership: Ownership
    #: Set when the session is created, and immutable, unlike its metadata.
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
    #: The expanded PaymentIntent.
    payment: PaymentFact | None = None
    #: The line items, read if the shopper could change them.
    lines: tuple[LineFact, ...] | None = None
    #: True if the event type says that a delayed payment failed.
    has_async_failed: bool = False
    #: Whether an unpaid payment may wait for the shopper, so that it must be read: a voucher, a bank transfer.
    may_wait: bool = False
    #: Personal data: ``email``, ``name``, ``phone``, ``billing_address``, ``shipping`` ...
    customer_details: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedSession:
    """Stripe's response to a create call; the client secret is passed on and not stored."""

    fact: SessionFact
    request_id: str
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFact:
    """A PaymentIntent at Stripe, or its Charge."""

    payment_intent_id: str
    ownership: Ownership
    #: The PaymentIntent's status; None if the fact was read from a Charge.
    status: str | None = None
    currency: str | None = None
    amount_minor: int | None = None
    captured_minor: int | None = None
    charge_id: str | None = None
    capture_before: datetime | None = None
    #: How the shopper paid, from a Charge that succeeded: ``type``, ``brand``, ``last4``, ``wallet`` and
    #: ``receipt_number``; what Stripe does not say is left out.
    method: Mapping[str, str] = field(default_factory=dict)
    #: The Radar review of the payment, open or closed.
    review_id: str | None = None
    #: What it waits for outside of the payment page.
    action: ActionFact | None = None
    #: The attempt that has failed: see ``ActionFact``.
    ended_attempt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFact:
    """A Refund at Stripe: https://docs.stripe.com/api/refunds/object."""

    stripe_id: str
    #: An old refund has only a charge.
    payment_intent_id: str | None
    charge_id: str | None
    amount_minor: int
    currency: str
    status: str | None
    reason: str = ""
    failure_reason: str = ""
    #: ``metadata[checkout_refund]``: the UUID of our row, if we requested the refund.
    refund_uuid: str = ""
    made_at: datetime | None = None
    #: "" if no money has moved, for example when the rest of an authorization is released.
    balance_transaction_id: str = ""
    livemode: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeFact:
    """A Dispute at Stripe. A dispute can be reopened, so ``ticket`` numbers the reads."""

    stripe_id: str
    payment_intent_id: str | None
    charge_id: str | None
    amount_minor: int
    currency: str
    status: str
    reason: str
    due_by: datetime | None
    #: The net amount withdrawn from the balance, in minor units of ``withdrawn_currency``; 0 and "" if none was.
    withdrawn_minor: int = 0
    withdrawn_currency: str = ""
    livemode: bool | None = None
    ticket: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudWarningFact:
    """A Radar early fraud warning at Stripe."""

    stripe_id: str
    payment_intent_id: str | None
    charge_id: str | None
    fraud_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFact:
    """A Radar review at Stripe: https://docs.stripe.com/api/radar/reviews/object."""

    stripe_id: str
    payment_intent_id: str | None
    charge_id: str | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFact:
    """A Subscription at Stripe. Its status can change back, so ``ticket`` numbers the reads."""

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
    """A subscription's invoice at Stripe: https://docs.stripe.com/api/invoices/object."""

    stripe_id: str
    #: From the subscription's metadata when the invoice was created.
    ownership: Ownership
    subscription_id: str
    status: str
    #: ``subscription_create`` for the first invoice, which the Checkout Session pays.
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
    """A verified event, as handlers receive it."""

    id: str
    #: The event type, without the ``v1.`` of thin events.
    type: str
    livemode: bool
    created_at: datetime
    #: The Stripe object in plain JSON types, from the payload or read from Stripe.
    object: Mapping[str, Any] = field(repr=False)
    #: The number of the read that returned ``object``; later reads have larger numbers, a payload has 0.
    ticket: int = 0
    #: The connected account of the event (``acct_...``), whose objects are not read; "" for the site's own account.
    account: str = ""
