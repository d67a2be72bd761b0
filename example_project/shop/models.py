"""The shop's own models. Nothing here knows Stripe."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

#: The currency of the catalogue; each order stores its own.
CURRENCY = "eur"

#: The most of one product in one order.
MAX_QUANTITY = 12

#: The characters of an order number, without those that are confused on the telephone.
NUMBER_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_order_number() -> str:
    """Return an order number like TS-2026-K7M4QX: short, and without a hint at the number of orders."""
    return f"TS-{timezone.now():%Y}-{''.join(secrets.choice(NUMBER_ALPHABET) for _ in range(6))}"


class Product(models.Model):
    """A product in the catalogue."""

    class Kind(models.TextChoices):
        STONEWARE = "stoneware", _("Stoneware")
        TEA = "tea", _("Tea")
        TOOL = "tool", _("Tools")

    class Interval(models.TextChoices):
        MONTH = "month", _("month")

    slug = models.SlugField(_("slug"), unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    name = models.CharField(_("name"), max_length=80)
    tagline = models.CharField(_("tagline"), max_length=140)
    description = models.TextField(_("description"))
    facts = models.TextField(_("facts"), blank=True, help_text=_("One per line."))
    price = models.DecimalField(_("price"), max_digits=8, decimal_places=2)
    #: Stripe's interval of a subscription; empty for a product that is bought once.
    interval = models.CharField(_("sent every"), max_length=10, choices=Interval, blank=True, default="")
    stock = models.PositiveSmallIntegerField(
        _("stock"), null=True, blank=True, help_text=_("Leave empty if it is made to order.")
    )
    picture = models.CharField(_("picture"), max_length=120, help_text=_("A static file."))
    picture_text = models.CharField(_("what the picture shows"), max_length=200)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_available = models.BooleanField(_("available"), default=True)

    class Meta:
        ordering = ["position", "name"]
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [models.CheckConstraint(condition=models.Q(price__gt=0), name="shop_product_price_positive")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("shop:product", args=[self.slug])

    @property
    def is_sold_out(self) -> bool:
        return self.stock == 0

    @property
    def maximum_quantity(self) -> int:
        """The most of it in one order."""
        if self.interval:
            return 1
        return MAX_QUANTITY if self.stock is None else min(self.stock, MAX_QUANTITY)


class Order(models.Model):
    """An order of the shop. Its state follows django_checkout's signals."""

    class State(models.TextChoices):
        NEW = "new", _("Waiting for payment")
        PROCESSING = "processing", _("Payment in progress")
        PAID = "paid", _("Paid")
        PARTLY_REFUNDED = "partly_refunded", _("Partly refunded")
        REFUNDED = "refunded", _("Refunded")
        CANCELED = "canceled", _("Canceled")

    number = models.CharField(_("number"), max_length=20, unique=True, default=new_order_number, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="shop_orders",
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("email"))
    note = models.CharField(_("note"), max_length=300, blank=True)
    is_picked_up = models.BooleanField(_("picked up at the studio"), default=False)
    currency = models.CharField(_("currency"), max_length=3, default=CURRENCY)
    #: The language of the browser that ordered, in which the shop writes its mails.
    language = models.CharField(_("language"), max_length=10, default="en", editable=False)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.NEW)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True, editable=False)

    if TYPE_CHECKING:
        lines: RelatedManager[OrderLine]
        subscription: Subscription

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        indexes = [models.Index(fields=["user", "-created_at"], name="shop_order_history")]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        return reverse("shop:order", args=[self.number])

    @property
    def total(self) -> Decimal:
        """The sum of the lines, in the order's currency."""
        return sum((line.total for line in self.lines.all()), Decimal(0))

    @property
    def is_recurring(self) -> bool:
        """Whether it contains a subscription."""
        return any(line.interval for line in self.lines.all())

    @property
    def is_payable(self) -> bool:
        return self.state == self.State.NEW

    @property
    def is_paid(self) -> bool:
        return self.state in {self.State.PAID, self.State.PARTLY_REFUNDED, self.State.REFUNDED}


class OrderLine(models.Model):
    """A copy of the product at the time of the order, which later changes to the catalogue do not affect."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(
        Product, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("product")
    )
    name = models.CharField(_("name"), max_length=80)
    unit_price = models.DecimalField(_("unit price"), max_digits=8, decimal_places=2)
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    interval = models.CharField(
        _("sent every"), max_length=10, choices=Product.Interval, blank=True, default="", editable=False
    )

    class Meta:
        ordering = ["pk"]
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="shop_orderline_quantity_positive")
        ]

    def __str__(self) -> str:
        return f"{self.quantity} \N{MULTIPLICATION SIGN} {self.name}"

    @property
    def total(self) -> Decimal:
        return self.unit_price * self.quantity


class Subscription(models.Model):
    """A subscription, at most one per order. Its state follows django_checkout's signals."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAST_DUE = "past_due", _("Payment missing")
        ENDED = "ended", _("Ended")

    order = models.OneToOneField(
        Order, on_delete=models.CASCADE, related_name="subscription", verbose_name=_("order"), editable=False
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACTIVE)
    renewals = models.PositiveIntegerField(_("renewals"), default=0)
    renewed_at = models.DateTimeField(_("last renewed"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")

    def __str__(self) -> str:
        return f"{self.order} ({self.get_state_display()})"
