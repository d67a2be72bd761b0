"""Payout: money sent to the bank. BalanceTransaction: a part of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.models.base import Row
from django_checkout.models.fields import CaseSensitiveCharField
from django_checkout.models.payments import Payment


class Payout(Row):
    """A payout to the bank, as last read; amounts are minor units of ``currency``.

    ``lines_net_minor`` is the sum of its balance transactions, or null if Stripe does not list them: for a manual
    payout, or one that Stripe has not reconciled yet.
    """

    stripe_id = CaseSensitiveCharField(_("Stripe ID"), unique=True)
    livemode = models.BooleanField(_("live mode"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    lines_net_minor = models.BigIntegerField(_("sum of lines"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=64)
    is_automatic = models.BooleanField(_("automatic"), default=True)
    reconciliation_status = models.CharField(_("reconciliation"), max_length=64, blank=True, default="")
    failure_code = models.CharField(_("failure code"), max_length=255, blank=True, default="")
    #: The day on which it is expected to arrive at the bank.
    arrival_date = models.DateField(_("arrives on"))
    created_at = models.DateTimeField(_("created at Stripe"))
    synced_at = models.DateTimeField(_("last read from Stripe"), auto_now=True)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        ordering = ["-arrival_date", "-id"]
        indexes = [models.Index(fields=["-arrival_date", "-id"], name="checkout_payout_arrival")]

    @property
    def difference_minor(self) -> int | None:
        """Return the payout minus the sum of its lines: normally 0, or None if the lines are not known."""
        return None if self.lines_net_minor is None else self.amount_minor - self.lines_net_minor


class BalanceTransaction(Row):
    """One movement of the Stripe balance: a charge, a refund, a dispute, a fee; negative if money leaves.

    Amounts are minor units of ``currency``, the balance's, which may differ from the order's. ``payment`` is null for
    Stripe's own fees and for other integrations of the account.
    """

    stripe_id = CaseSensitiveCharField(_("Stripe ID"), unique=True)
    #: The charge, refund or dispute that it came from.
    source_id = CaseSensitiveCharField(_("source"), blank=True, default="")
    payment = models.ForeignKey(
        Payment,
        verbose_name=_("payment"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="balance_transactions",
    )
    #: Null while the money is in the balance.
    payout = models.ForeignKey(
        Payout,
        verbose_name=_("payout"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="lines",
        db_index=False,
    )
    type = models.CharField(_("type"), max_length=64)
    reporting_category = models.CharField(_("category"), max_length=64, blank=True, default="")
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    fee_minor = models.BigIntegerField(_("fee"))
    net_minor = models.BigIntegerField(_("net"))
    #: In Stripe's notation; empty if nothing was converted.
    exchange_rate = models.CharField(_("exchange rate"), max_length=32, blank=True, default="")
    status = models.CharField(_("status"), max_length=64)
    available_on = models.DateTimeField(_("available on"))
    created_at = models.DateTimeField(_("created at Stripe"))

    class Meta:
        verbose_name = _("balance transaction")
        verbose_name_plural = _("balance transactions")
        ordering = ["-id"]
        indexes = [models.Index(fields=["payout", "id"], name="checkout_balance_payout")]
