"""Reconciliation runs in the admin: what each run compared with Stripe, and what it found."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_checkout.admin import columns, display
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.filters import RunScopeFilter, by
from django_checkout.models import ReconciliationRun
from django_checkout.models.reconciliation import RunState
from django_checkout.states import Tone

#: The labels of the objects that a run compares.
_OBJECTS = {
    "sessions": gettext_lazy("sessions"),
    "refunds": gettext_lazy("refunds"),
    "disputes": gettext_lazy("disputes"),
    "subscriptions": gettext_lazy("subscriptions"),
    "payouts": gettext_lazy("payouts"),
    "balance_transactions": gettext_lazy("balance transactions"),
}


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(FactsAdmin[ReconciliationRun]):
    """Lists the runs, with the period that each compared and the differences that it found."""

    list_display = ("started_and_duration", "state_badge", "scope_and_period", "compared", "differences")
    list_filter = (RunScopeFilter, by(RunState, "state", gettext_lazy("state")))
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("scope_label", "state_badge", "is_fixing", "period")}),
        (gettext_lazy("Result"), {"fields": ("compared", "found", "fixed", "started", "duration")}),
    )

    started = columns.instant(gettext_lazy("started"), "started_at")

    @admin.display(description=gettext_lazy("started"))
    def started_and_duration(self, run: ReconciliationRun) -> SafeString:
        duration = _("duration %(time)s") % {"time": self.duration(run)} if run.finished_at else ""
        return display.lines(display.instant_cell(run.started_at), duration)

    @admin.display(description=gettext_lazy("scope and period"))
    def scope_and_period(self, run: ReconciliationRun) -> SafeString:
        return display.lines(self.scope_label(run), f"{display.day(run.since)} {display.DASH} {display.day(run.until)}")

    @admin.display(description=gettext_lazy("scope"))
    def scope_label(self, run: ReconciliationRun) -> str:
        return {"orders": _("Orders"), "payouts": _("Payouts")}.get(run.scope) or run.scope

    state_badge = columns.status(RunState, "state", label=gettext_lazy("state"))

    @admin.display(description=gettext_lazy("period"))
    def period(self, run: ReconciliationRun) -> SafeString:
        return display.join([display.instant_cell(run.since), display.DASH, display.instant_cell(run.until)])

    @admin.display(description=gettext_lazy("compared"))
    def compared(self, run: ReconciliationRun) -> str:
        counts = (f"{display.number(number)} {_OBJECTS.get(name, name)}" for name, number in sorted(run.seen.items()))
        return ", ".join(counts) or display.DASH

    @admin.display(description=gettext_lazy("differences"))
    def differences(self, run: ReconciliationRun) -> SafeString:
        """Show the number of differences that the run found and, with ``--fix``, of those that it fixed."""
        if not run.found:
            return display.badge(_("none"), Tone.GOOD)
        numbers = {"count": run.found, "fixed": run.fixed}
        if run.is_fixing:
            text = ngettext("%(count)d, %(fixed)d fixed", "%(count)d, %(fixed)d fixed", run.found) % numbers
        else:
            text = _("%(count)d, dry run") % numbers
        return display.badge(text, Tone.GOOD if run.fixed >= run.found else Tone.BAD)

    @admin.display(description=gettext_lazy("duration"))
    def duration(self, run: ReconciliationRun) -> str:
        if run.finished_at is None:
            return display.DASH
        seconds = round((run.finished_at - run.started_at).total_seconds())
        return f"{seconds // 60}:{seconds % 60:02}"
