"""AttentionItem: a reason why a person should look at an order, and the text of its details."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_checkout import money
from django_checkout.conf import conf
from django_checkout.models.base import Row
from django_checkout.models.fields import CaseSensitiveCharField
from django_checkout.models.orders import Order
from django_checkout.models.relations import SiteForeignKey
from django_checkout.states import DisputeReason

#: What is stored with a reason: minor units with their ``currency``, other numbers, Stripe's codes.
Details = Mapping[str, int | str]

#: The names in ``details`` besides ``currency``, and their texts; others are shown unchanged, such as the ``text`` of
#: an item that migration 0013 could not read. A name that ends in ``_minor`` is shown as money.
_DETAIL_TEXTS: dict[frozenset[str], str | Promise] = {
    frozenset(("paid_minor", "expected_minor")): _("%(paid_minor)s instead of %(expected_minor)s"),
    frozenset(("expected_minor",)): _("nothing paid instead of %(expected_minor)s"),
    frozenset(("paid_currency", "expected_currency")): _("%(paid_currency)s instead of %(expected_currency)s"),
    frozenset(("paid_revision", "revision")): _("paid for revision %(paid_revision)s of %(revision)s"),
    frozenset(("missing_price_minor",)): _("no line at %(missing_price_minor)s"),
    frozenset(("quantity", "minimum", "maximum")): _("quantity %(quantity)s, %(minimum)s to %(maximum)s allowed"),
    frozenset(("unoffered_lines",)): _("lines that were not offered: %(unoffered_lines)s"),
    frozenset(("received_minor",)): _("%(received_minor)s received"),
    frozenset(("refunded_minor", "paid_minor")): _("%(refunded_minor)s refunded, %(paid_minor)s paid"),
}


class AttentionItem(Row):
    """One reason why a person should look at an order; unique per order, code and fact.

    A resolved item is not raised again. ``details`` holds numbers, currencies and Stripe's codes, which ``detail_text``
    formats.
    """

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="attention", db_index=False
    )
    code = models.CharField(_("reason"), max_length=64)
    fact = CaseSensitiveCharField(_("object ID"))
    details = models.JSONField(_("details"), default=dict, blank=True)
    raised_at = models.DateTimeField(_("raised"), auto_now_add=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    resolved_by = SiteForeignKey(
        conf.user_model, verbose_name=_("resolved by"), null=True, blank=True, related_name="+"
    )
    note = models.TextField(_("note"), blank=True, default="")

    class Meta:
        verbose_name = _("attention item")
        verbose_name_plural = _("attention items")
        ordering = ["-id"]
        indexes = [models.Index(fields=["resolved_at", "raised_at"], name="checkout_attention_open")]
        constraints = [models.UniqueConstraint(fields=["order", "code", "fact"], name="checkout_attention_once")]

    def __str__(self) -> str:
        return f"{self.code} {self.fact}"

    @property
    def detail_text(self) -> str:
        """Return ``details`` as text in the active language, or "" if there are none."""
        return format_details(self.details)


def format_details(details: Details) -> str:
    """Return the details of an attention item as text in the active language."""
    currency = str(details.get("currency", ""))
    shown = {name: _word(name, value, currency) for name, value in details.items() if name != "currency"}
    text = _DETAIL_TEXTS.get(frozenset(shown))
    return ", ".join(shown.values()) if text is None else str(text) % shown


def _word(name: str, value: int | str, currency: str) -> str:
    if name.endswith("_minor"):
        return money.format_minor(int(value), currency)
    if name.endswith("_currency"):
        return str(value).upper()
    return DisputeReason.label_of(value) if name == "reason" and isinstance(value, str) else str(value)
