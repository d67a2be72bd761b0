"""What the API takes: JSON objects with these fields and no others, types taken literally."""

from __future__ import annotations

import secrets
from typing import Any

from babel.core import Locale
from django.core.validators import RegexValidator
from django.utils.http import url_has_allowed_host_and_scheme
from rest_framework import serializers

from django_checkout.api.fields import Choice, Flag, Input, Instant, Text, Whole
from django_checkout.conf import UI_MODES
from django_checkout.forms import MAXIMUM_QUANTITY
from django_checkout.models.fields import ID_LENGTH
from django_checkout.money import MAXIMUM_MINOR
from django_checkout.services.money_back import REASONS
from django_checkout.values import LineData, OrderData

MAXIMUM_LINES = 100
#: What CLDR calls a territory and two letters long, without its groupings.
COUNTRIES = sorted(
    code
    for code in map(str, Locale("en").territories)
    if len(code) == 2 and code.isalpha() and code not in ("EU", "EZ", "UN", "QO", "XA", "XB", "ZZ")
)
REFERENCE_PATTERN = r"^[^/\x00-\x1f\x7f]+\Z"


class LineInput(Input):
    """One article that the shopper wants. What it is called and costs is for the host to say."""

    sku = Text(max_length=255, default="", help_text="The host's article number.")
    quantity = Whole(min_value=1, max_value=MAXIMUM_QUANTITY, default=1)
    name = Text(max_length=5000, default="")
    unit_amount_minor = Whole(min_value=0, max_value=MAXIMUM_MINOR, default=0)


class OrderInput(Input):
    """An order of the host's own, by its ``reference``, or lines that the host's adapter makes an order of."""

    reference = Text(
        max_length=200,
        required=False,
        validators=[RegexValidator(REFERENCE_PATTERN)],
        help_text="Of an order that the shop has.",
    )
    currency = Text(min_length=3, max_length=3, default="eur")
    email = serializers.EmailField(required=False, max_length=512)
    lines = serializers.ListField(child=LineInput(), required=False, min_length=1, max_length=MAXIMUM_LINES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("lines") and not attrs.get("reference"):
            raise serializers.ValidationError({"lines": [serializers.ErrorDetail("Required.", code="required")]})
        return attrs


def content_of(order: dict[str, Any], user: Any) -> OrderData:
    """Return what a request wants to buy, for ``CheckoutAdapter.take_order`` to judge."""
    return OrderData(
        reference=order.get("reference") or secrets.token_hex(12),
        currency=order["currency"],
        lines=tuple(LineData(**line) for line in order["lines"]),
        user=user if user.is_authenticated else None,
        email=order.get("email", ""),
    )


class StartInput(Input):
    """How to pay."""

    ui_mode = Choice(choices=UI_MODES, required=False, help_text="CHECKOUT_UI_MODE where none is named.")


class AddressInput(Input):
    """A shipping address, in Stripe's words."""

    country = Choice(choices=COUNTRIES, help_text="ISO 3166-1 alpha-2.")
    line1 = Text(default="", allow_blank=True)
    line2 = Text(default="", allow_blank=True)
    city = Text(default="", allow_blank=True)
    state = Text(default="", allow_blank=True)
    postal_code = Text(default="", allow_blank=True)


class ShippingInput(Input):
    """Where an open Elements checkout is to be sent."""

    name = Text()
    address = AddressInput()


class QuantityInput(Input):
    """How many of an article an open Elements checkout is for."""

    sku = Text(max_length=255)
    quantity = Whole(min_value=1, max_value=MAXIMUM_QUANTITY)


class CancelSubscriptionInput(Input):
    """When a subscription ends."""

    at_period_end = Flag(default=True, help_text="With what has been paid for, rather than now.")


class PortalInput(Input):
    """Where the Billing portal leads back to."""

    return_url = Text(max_length=2048, help_text="An address or a path of this site.")
    customer = Text(
        max_length=ID_LENGTH,
        required=False,
        help_text="One of the user's Customers, as their subscriptions name it; the first one by default.",
    )

    def validate_return_url(self, value: str) -> str:
        request = self.context["request"]
        if not url_has_allowed_host_and_scheme(value, {request.get_host()}, require_https=request.is_secure()):
            raise serializers.ValidationError("Not an address of this site.", code="foreign_url")
        return value


class EmptyInput(Input):
    """Nothing."""


class CaptureInput(Input):
    """How much of the authorised money is taken."""

    amount_minor = Whole(min_value=1, max_value=MAXIMUM_MINOR, required=False, help_text="All of it by default.")


class RefundInput(Input):
    """How much is given back, and why."""

    amount_minor = Whole(min_value=1, max_value=MAXIMUM_MINOR, required=False, help_text="What is left by default.")
    reason = Choice(choices=REASONS, required=False)


class NoteInput(Input):
    """Why staff decide as they do."""

    note = Text(max_length=2000)


class DecisionInput(NoteInput):
    """What becomes of a discrepancy."""

    outcome = Choice(choices=("resolved", "ignored"), default="resolved")


class ReconcileInput(Input):
    """What a run of reconciliation looks at; everything new by default."""

    fix = Flag(default=False, help_text="Mend what is safe, and list the rest.")
    since = Instant(required=False)
    until = Instant(required=False)
    order = Text(required=False, max_length=200, help_text="One order only, by its reference.")
    limit = Whole(
        min_value=1,
        max_value=10_000,
        required=False,
        help_text="Stop after so many objects; the next run with fix goes on there.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and since > until:
            raise serializers.ValidationError({"since": [serializers.ErrorDetail("After until.", code="order")]})
        if "order" in attrs and (since or until):
            detail = serializers.ErrorDetail("One order is looked at whole: leave out since and until.", code="window")
            raise serializers.ValidationError({"order": [detail]})
        return attrs
