"""Discrepancy and ReconciliationRun: what ``checkout_reconcile`` found, and how each run went."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_checkout.conf import conf
from django_checkout.models.base import Row
from django_checkout.models.fields import CaseSensitiveCharField
from django_checkout.models.orders import Order
from django_checkout.models.relations import SiteForeignKey
from django_checkout.states import Status, Tone

#: The kind of a session at Stripe with our metadata that has no row here.
SESSION_WITHOUT_ORDER = "session_without_order"


class DiscrepancyState(Status):
    """The states of a discrepancy."""

    OPEN = "open", Tone.BAD, _("open")
    RESOLVED = "resolved", Tone.GOOD, _("resolved")
    IGNORED = "ignored", Tone.QUIET, _("ignored")


class Discrepancy(Row):
    """A difference between Stripe and our rows that reconciliation found and cannot fix safely."""

    kind = models.CharField(_("kind"), max_length=64)
    #: The Stripe id, or the order's reference.
    subject = CaseSensitiveCharField(_("subject"))
    order = models.ForeignKey(
        Order, verbose_name=_("order"), null=True, blank=True, on_delete=models.CASCADE, related_name="discrepancies"
    )
    here = models.JSONField(_("here"), default=dict, blank=True)
    at_stripe = models.JSONField(_("at Stripe"), default=dict, blank=True)
    suggestion = models.CharField(_("suggested action"), max_length=500, blank=True, default="")
    state = models.CharField(_("state"), max_length=32, choices=DiscrepancyState, default=DiscrepancyState.OPEN)
    note = models.TextField(_("note"), blank=True, default="")
    resolved_by = SiteForeignKey(
        conf.user_model, verbose_name=_("resolved by"), null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    first_seen_at = models.DateTimeField(_("first seen"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last seen"), auto_now=True)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "-id"], name="checkout_discrepancy_state")]
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="checkout_discrepancy_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class RunState(Status):
    """The states of a run."""

    RUNNING = "running", Tone.WAIT, _("running")
    #: Everything in its time range was compared.
    COMPLETE = "complete", Tone.GOOD, _("complete")
    #: Stopped by ``--limit`` or by an error; the next run resumes it.
    STOPPED = "stopped", Tone.BAD, _("stopped")


class ReconciliationRun(Row):
    """One run of ``checkout_reconcile``: its time range, its progress, and the lock that allows only one at a time."""

    #: ``orders`` or ``payouts``.
    scope = models.CharField(_("scope"), max_length=32)
    #: Unique, and null once the run has ended, so that the database allows one run per scope.
    lock = models.CharField(max_length=32, null=True, blank=True, unique=True, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    #: Host name and process id, from which the next run detects that this one was killed.
    holder = models.CharField(max_length=255, blank=True, default="", editable=False)
    is_fixing = models.BooleanField(_("with --fix"), default=False)
    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"))
    #: The list that is compared now, and the last id that was compared.
    stage = models.CharField(max_length=64, blank=True, default="", editable=False)
    cursor = CaseSensitiveCharField(blank=True, default="", editable=False)
    state = models.CharField(_("state"), max_length=32, choices=RunState, default=RunState.RUNNING)
    seen = models.JSONField(_("compared"), default=dict, blank=True)
    found = models.PositiveIntegerField(_("differences"), default=0)
    fixed = models.PositiveIntegerField(_("fixed"), default=0, db_column="mended")
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("reconciliation run")
        verbose_name_plural = _("reconciliation runs")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.scope} {self.started_at:%Y-%m-%d %H:%M}"
