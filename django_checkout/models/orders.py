"""Order: the payment side of one of the host's orders. OrderLine: what is sold."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models import database
from django_checkout.models.base import FactRow, Row
from django_checkout.models.fields import CaseSensitiveCharField
from django_checkout.models.indexes import AddressIndex
from django_checkout.models.relations import SiteForeignKey, SourceForeignKey, find_deleted
from django_checkout.states import OrderStatus


class Order(FactRow):
    """The payment side of one of the host's orders; it outlives the host's row.

    Amounts are minor units of ``currency``. ``status`` is ``states.derive_order_status`` of the facts, stored so that
    it can be queried.

    A site's own ``save()`` writes ``host_columns`` only; ``services.place`` and the ledger write the rest. It writes
    neither user nor metadata of an erased order, and no deleted user: an instance that was read earlier still has them.
    """

    host_columns = ("source_type", "source_id", "user", "metadata", "locale", "updated_at")
    derived_columns = frozenset(
        {"status", "kept_payment", "paid_at", "canceled_at", "disputed", "needs_attention", "source_deleted_at"}
        | {"paid_minor", "refunded_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor"}
    )

    reference = CaseSensitiveCharField(_("reference"), max_length=200, unique=True)
    #: ``CHECKOUT_BASE_URL`` of the site that placed it or started its latest session: see ``models.sites``.
    site_url = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)
    revision = models.PositiveIntegerField(_("revision"), default=1)
    content_hash = models.CharField(max_length=64, editable=False)
    source_type = SiteForeignKey(
        ContentType, verbose_name=_("source type"), null=True, blank=True, related_name="+", db_index=False
    )
    source_id = CaseSensitiveCharField(_("source ID"), blank=True, default="")
    #: When it was noticed that the host had deleted its row before the order was paid.
    source_deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    source = SourceForeignKey("source_type", "source_id", for_concrete_model=False)
    user = SiteForeignKey(
        conf.user_model, verbose_name=_("user"), null=True, blank=True, related_name="checkout_orders"
    )
    livemode = models.BooleanField(_("live mode"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    locale = models.CharField(_("locale"), max_length=20, blank=True, default="")
    mode = models.CharField(_("mode"), max_length=16, default="payment")
    #: Stripe's parameters that the host's ``CheckoutOptions`` give.
    params = models.JSONField(_("options"), default=dict, blank=True)
    asked_discount_minor = models.BigIntegerField(_("requested discount"), default=0)
    asked_discount_name = models.CharField(_("name of the discount"), max_length=40, blank=True, default="")

    subtotal_minor = models.BigIntegerField(_("subtotal"))
    # Copied from the session of the kept payment.
    discount_minor = models.BigIntegerField(_("discount"), null=True, blank=True)
    shipping_minor = models.BigIntegerField(_("shipping"), null=True, blank=True)
    tax_minor = models.BigIntegerField(_("tax"), null=True, blank=True)
    total_minor = models.BigIntegerField(_("total"), null=True, blank=True)
    paid_minor = models.BigIntegerField(_("paid"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)

    status = models.CharField(_("status"), max_length=32, default=OrderStatus.UNPAID)
    disputed = models.BooleanField(_("disputed"), default=False)
    needs_attention = models.BooleanField(_("needs attention"), default=False)
    kept_payment = models.OneToOneField(
        "Payment",
        verbose_name=_("kept payment"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="kept_by",
    )

    # Personal data, erasable.
    email = models.EmailField(_("email"), max_length=512, blank=True, default="")
    customer_details = models.JSONField(_("customer details"), default=dict, blank=True)

    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    canceled_at = models.DateTimeField(_("canceled at"), null=True, blank=True)
    #: When the first of ``requests_count`` requests within a minute was made, see ``ledger.budget``.
    requests_since = models.DateTimeField(null=True, blank=True, editable=False)
    requests_count = models.PositiveIntegerField(default=0, editable=False)
    #: When personal data was erased; later facts restore none of it.
    erased_at = models.DateTimeField(_("erased at"), null=True, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-id"]
        permissions = [
            ("refund_order", _("Can refund orders")),
            ("operate_order", _("Can sync, expire, capture, cancel and accept orders")),
        ]
        indexes = [
            models.Index(fields=["status", "-id"], name="checkout_order_status"),
            models.Index(fields=["needs_attention", "-id"], name="checkout_order_attention"),
            models.Index(fields=["disputed", "-id"], name="checkout_order_disputed"),
            models.Index(fields=["livemode", "-id"], name="checkout_order_livemode"),
            models.Index(fields=["source_type", "source_id"], name="checkout_order_source"),
            models.Index(fields=["created_at"], name="checkout_order_created"),
            # Contains every column that the dashboard's revenue is computed from.
            models.Index(fields=["paid_at", "livemode", "currency", "paid_minor", "id"], name="checkout_order_revenue"),
            AddressIndex(fields=["email"], name="checkout_order_address"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(subtotal_minor__gte=0), name="checkout_order_subtotal_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return str(self.reference)

    def save(self, *args: Any, **options: Any) -> None:
        """Save like every ``FactRow``, but under a lock, so that an erasure cannot overlap with it."""
        if database.is_writing():
            super().save(*args, **options)
            return
        with database.atomic(), database.host_code():
            super().save(*args, **options)

    def _host_columns(self) -> tuple[str, ...]:
        rows = type(self)._base_manager.select_for_update().filter(pk=self.pk)
        stored = rows.values("erased_at", "user_id").first()
        left_out = set()
        if stored is not None and stored["erased_at"] is not None:
            left_out = {"user", "metadata"}
        elif stored is not None and self.user_id not in (None, stored["user_id"]):
            left_out = {"user"} if find_deleted(get_user_model(), [self.user_id]) else set()
        return tuple(name for name in self.host_columns if name not in left_out)


class OrderLine(Row):
    """One line of an order: shown on the payment page, and summed up in the subtotal."""

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    position = models.PositiveIntegerField(_("position"))
    name = models.CharField(_("name"), max_length=5000)
    description = models.TextField(_("description"), blank=True, default="")
    image_url = models.CharField(_("image"), max_length=2048, blank=True, default="")
    sku = models.CharField(_("SKU"), max_length=255, blank=True, default="")
    quantity = models.PositiveIntegerField(_("quantity"))
    unit_amount_minor = models.BigIntegerField(_("unit price"))
    tax_code = models.CharField(_("tax code"), max_length=64, blank=True, default="")
    tax_behavior = models.CharField(_("tax behavior"), max_length=32, blank=True, default="")
    recurring_interval = models.CharField(_("recurring interval"), max_length=16, blank=True, default="")
    recurring_interval_count = models.PositiveIntegerField(_("intervals"), default=1)
    maximum_quantity = models.PositiveIntegerField(_("maximum quantity"), null=True, blank=True)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="checkout_line_position"),
            models.CheckConstraint(
                condition=models.Q(unit_amount_minor__gte=0, quantity__gte=1), name="checkout_line_amounts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"

    @property
    def amount_minor(self) -> int:
        """Return quantity times unit price, in minor units."""
        return self.quantity * self.unit_amount_minor
