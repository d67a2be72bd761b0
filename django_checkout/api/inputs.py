"""The bodies that the API accepts: strictly typed JSON objects without unknown fields."""

from __future__ import annotations

import secrets
from typing import Any

from babel.core import Locale
from django.core.validators import RegexValidator
from rest_framework import serializers

from django_checkout.api.fields import Choice, Flag, Input, Instant, Text, Whole
from django_checkout.conf import UI_MODES
from django_checkout.models.fields import ID_LENGTH
from django_checkout.money import MAXIMUM_MINOR
from django_checkout.origins import MAXIMUM_LENGTH
from django_checkout.services.inputs import MAXIMUM_QUANTITY
from django_checkout.services.refunds import REASONS
from django_checkout.values import LineData, OrderData

MAXIMUM_LINES = 100
#: CLDR's territories with codes of two letters, except groupings and private use.
COUNTRIES = sorted(
    code
    for code in map(str, Locale("en").territories)
    if len(code) == 2 and code.isalpha() and code not in ("EU", "EZ", "UN", "QO", "XA", "XB", "ZZ")
)
REFERENCE_PATTERN = r"^[^/\x00-\x1f\x7f]+\Z"


class LineInput(Input):
    """An article that the shopper wants to buy. The host's adapter decides its name and price."""

    sku = Text(max_length=255, default="", help_text="The shop's item number.")
    quantity = Whole(min_value=1, max_value=MAXIMUM_QUANTITY, default=1)
    name = Text(max_length=5000, default="")
    unit_amount_minor = Whole(min_value=0, max_value=MAXIMUM_MINOR, default=0)


class OrderInput(Input):
    """The ``reference`` of an existing order, or ``lines`` from which its adapter creates an order."""

    reference = Text(
        max_length=200,
        required=False,
        validators=[RegexValidator(REFERENCE_PATTERN)],
        help_text="The number of an existing order.",
    )
    currency = Text(min_length=3, max_length=3, default="eur")
    email = serializers.EmailField(required=False, max_length=512)
    lines = serializers.ListField(child=LineInput(), required=False, min_length=1, max_length=MAXIMUM_LINES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("lines") and not attrs.get("reference"):
            raise serializers.ValidationError({"lines": [serializers.ErrorDetail("Required.", code="required")]})
        return attrs


def content_of(order: dict[str, Any], user: Any) -> OrderData:
    """Return the content of a requested order for ``CheckoutAdapter.take_order``."""
    return OrderData(
        reference=order.get("reference") or secrets.token_hex(12),
        currency=order["currency"],
        lines=tuple(LineData(**line) for line in order["lines"]),
        user=user if user.is_authenticated else None,
        email=order.get("email", ""),
    )


class StartInput(Input):
    """How the shopper pays."""

    ui_mode = Choice(choices=UI_MODES, required=False, help_text="Defaults to the setting CHECKOUT_UI_MODE.")
    return_url = Text(
        max_length=MAXIMUM_LENGTH,
        required=False,
        help_text="Where the shopper goes on to after the checkout: a path or URL of this site, or of an origin or app "
        "scheme that the site lists. The query gets reference and outcome.",
    )


class AddressInput(Input):
    """A shipping address, with Stripe's field names."""

    country = Choice(choices=COUNTRIES, help_text="ISO 3166-1 alpha-2.")
    line1 = Text(default="", allow_blank=True)
    line2 = Text(default="", allow_blank=True)
    city = Text(default="", allow_blank=True)
    state = Text(default="", allow_blank=True)
    postal_code = Text(default="", allow_blank=True)


class ShippingInput(Input):
    """The shipping address of an open Elements checkout."""

    name = Text()
    address = AddressInput()


class QuantityInput(Input):
    """The quantity of an article in an open Elements checkout."""

    sku = Text(max_length=255)
    quantity = Whole(min_value=1, max_value=MAXIMUM_QUANTITY)


class ConsentInput(Input):
    """What the shopper agrees to in an Elements checkout; only what the order asks for is kept."""

    terms_of_service = Flag(default=False)
    promotions = Flag(default=False)


class CancelSubscriptionInput(Input):
    """When a subscription ends."""

    at_period_end = Flag(default=True, help_text="Cancel at the end of the paid period. If false, cancel immediately.")


class PortalInput(Input):
    """How the Billing portal is opened."""

    return_url = Text(
        max_length=MAXIMUM_LENGTH,
        help_text="Where the portal links back to: a path or URL of this site, or of an origin that the site lists.",
    )
    customer = Text(
        max_length=ID_LENGTH,
        required=False,
        help_text="The ID of one of the user's Customers, from a subscription. Defaults to the first one.",
    )


class EmptyInput(Input):
    """An empty object."""


class CaptureInput(Input):
    """How much of the authorized amount is captured."""

    amount_minor = Whole(
        min_value=1, max_value=MAXIMUM_MINOR, required=False, help_text="Defaults to the whole authorized amount."
    )


class RefundInput(Input):
    """How much is refunded, and why."""

    amount_minor = Whole(
        min_value=1, max_value=MAXIMUM_MINOR, required=False, help_text="Defaults to the remaining amount."
    )
    reason = Choice(choices=REASONS, required=False)
    in_addition_to = Text(
        required=False,
        max_length=36,
        help_text="The ID of the latest refund of this amount, to refund it once more. Needed while that refund is "
        "unanswered, or less than an hour old.",
    )


class NoteInput(Input):
    """The reason for a decision of staff."""

    note = Text(max_length=2000)


class DecisionInput(NoteInput):
    """How a discrepancy is settled."""

    outcome = Choice(choices=("resolved", "ignored"), default="resolved")


class ReconcileInput(Input):
    """What a reconciliation run checks. Defaults to everything since the previous run."""

    fix = Flag(default=False, help_text="Fix what is safe to fix, and record the rest.")
    since = Instant(required=False)
    until = Instant(required=False)
    order = Text(required=False, max_length=200, help_text="Check only the order with this reference.")
    limit = Whole(
        min_value=1,
        max_value=10_000,
        required=False,
        help_text="Stop after this number of objects. The next run with fix continues there.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and since > until:
            raise serializers.ValidationError(
                {"since": [serializers.ErrorDetail("Must not be after until.", code="order")]}
            )
        if "order" in attrs and (since or until):
            detail = serializers.ErrorDetail(
                "An order is always checked completely. Remove since and until.", code="window"
            )
            raise serializers.ValidationError({"order": [detail]})
        return attrs
