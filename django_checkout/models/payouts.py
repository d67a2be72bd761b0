"""Payout and BalanceTransaction: what reached the bank, and of what it is made. Run: the diary of reconciliation."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.models.base import Row
from django_checkout.models.fields import ID_LENGTH, CaseSensitiveCharField
from django_checkout.models.payments import Payment


class Payout(Row):
    """Money on its way to the bank, as Stripe said last; amounts are minor units of ``currency``.

    ``lines_net_minor`` is what its balance transactions add up to, or null where Stripe does not tell them: a payout
    asked for by hand, or one that is not reconciled yet.
    """

    stripe_id = CaseSensitiveCharField(_("Stripe id"), max_length=ID_LENGTH, unique=True)
    livemode = models.BooleanField(_("live mode"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    lines_net_minor = models.BigIntegerField(_("sum of its lines"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=64)
    is_automatic = models.BooleanField(_("automatic"), default=True)
    reconciliation_status = models.CharField(_("reconciliation"), max_length=64, blank=True, default="")
    failure_code = models.CharField(_("failure code"), max_length=255, blank=True, default="")
    #: The day on which the bank should have it.
    arrival_date = models.DateField(_("arrives on"))
    created_at = models.DateTimeField(_("created at Stripe"))
    synced_at = models.DateTimeField(_("last read from Stripe"), auto_now=True)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        ordering = ["-arrival_date", "-id"]
        indexes = [models.Index(fields=["-arrival_date", "-id"], name="checkout_payout_arrival")]

    def __str__(self) -> str:
        return str(self.stripe_id)

    @property
    def difference_minor(self) -> int | None:
        """How much the bank gets beyond what the lines add up to: 0 where all is well, None where nobody can say."""
        return None if self.lines_net_minor is None else self.amount_minor - self.lines_net_minor


class BalanceTransaction(Row):
    """One movement of the Stripe balance: a charge, a refund, a dispute, a fee; negative where money leaves.

    Amounts are minor units of ``currency``, which is the balance's and may differ from the order's. ``payment`` is
    null for what is none of ours: Stripe's own fees, and other integrations of the same account.
    """

    stripe_id = CaseSensitiveCharField(_("Stripe id"), max_length=ID_LENGTH, unique=True)
    #: The charge, refund or dispute that it came from.
    source_id = CaseSensitiveCharField(_("source"), max_length=ID_LENGTH, blank=True, default="", db_index=True)
    payment = models.ForeignKey(
        Payment,
        verbose_name=_("payment"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="balance_transactions",
    )
    #: Null while the money waits in the balance.
    payout = models.ForeignKey(
        Payout, verbose_name=_("payout"), null=True, blank=True, on_delete=models.SET_NULL, related_name="lines"
    )
    type = models.CharField(_("type"), max_length=64)
    reporting_category = models.CharField(_("category"), max_length=64, blank=True, default="")
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    fee_minor = models.BigIntegerField(_("fee"))
    net_minor = models.BigIntegerField(_("net"))
    #: As Stripe writes it; empty where nothing was converted.
    exchange_rate = models.CharField(_("exchange rate"), max_length=32, blank=True, default="")
    status = models.CharField(_("status"), max_length=64)
    available_on = models.DateTimeField(_("available on"))
    created_at = models.DateTimeField(_("created at Stripe"))

    class Meta:
        verbose_name = _("balance transaction")
        verbose_name_plural = _("balance transactions")
        ordering = ["-id"]
        indexes = [models.Index(fields=["payout", "id"], name="checkout_balance_payout")]

    def __str__(self) -> str:
        return str(self.stripe_id)


class RunState(models.TextChoices):
    """How a run of reconciliation ended."""

    RUNNING = "running", _("running")
    #: Everything in its window was looked at.
    COMPLETE = "complete", _("complete")
    #: Stopped by ``--limit`` or by a fault; the next run goes on where it stopped.
    STOPPED = "stopped", _("stopped")


class ReconciliationRun(Row):
    """One run of ``checkout_reconcile``: its window, how far it got, and the lock that keeps a second one out."""

    #: ``orders`` or ``payouts``.
    scope = models.CharField(_("scope"), max_length=32)
    #: Unique while the run is going and null afterwards, so that the database allows one.
    lock = models.CharField(max_length=32, null=True, blank=True, unique=True, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    #: Machine and process of the run, so that the next one can see that it was killed.
    holder = models.CharField(max_length=255, blank=True, default="", editable=False)
    is_fixing = models.BooleanField(_("fixes"), default=False)
    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"))
    #: The list that is being walked, and the last id of it that was looked at.
    stage = models.CharField(max_length=64, blank=True, default="", editable=False)
    cursor = CaseSensitiveCharField(max_length=ID_LENGTH, blank=True, default="", editable=False)
    state = models.CharField(_("state"), max_length=32, choices=RunState, default=RunState.RUNNING)
    seen = models.JSONField(_("looked at"), default=dict, blank=True)
    found = models.PositiveIntegerField(_("differences"), default=0)
    mended = models.PositiveIntegerField(_("mended"), default=0)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("reconciliation run")
        verbose_name_plural = _("reconciliation runs")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.scope} {self.started_at:%Y-%m-%d %H:%M}"
