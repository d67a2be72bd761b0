"""Payouts and runs of reconciliation in the admin: what reached the bank, and what was compared with Stripe."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from django_checkout import figures
from django_checkout.admin import display
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.export import payouts_as_csv
from django_checkout.admin.filters import PayoutStatusFilter, RunScopeFilter, RunStateFilter
from django_checkout.admin.tables import Table, movement
from django_checkout.models import BalanceTransaction, Payout, ReconciliationRun
from django_checkout.reconcile.payouts import OWN_TYPES

LINES_PER_PAGE = 100


@admin.register(Payout)
class PayoutAdmin(FactsAdmin[Payout]):
    """Money on its way to the bank, with what it is made of."""

    change_form_template = "admin/django_checkout/payout/change_form.html"
    actions = ("export_csv",)
    list_display = ("name", "amount", "status_badge", "sum_badge")
    list_filter = (PayoutStatusFilter, "livemode", "arrival_date")
    sortable_by = ()
    ordering = ("-arrival_date", "-id")
    search_prefix = ("stripe_id",)
    search_help_text = gettext_lazy("Stripe id of a payout")

    @admin.display(description=gettext_lazy("at the bank"))
    def name(self, payout: Payout) -> SafeString:
        return display.lines(payout.arrival_date.isoformat(), display.short_id(payout.stripe_id))

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, payout: Payout) -> SafeString:
        return display.amount_cell(payout.amount_minor, payout.currency)

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, payout: Payout) -> SafeString:
        return display.badge(payout.status)

    @admin.display(description=gettext_lazy("sum of its lines"))
    def sum_badge(self, payout: Payout) -> SafeString:
        """Say in words whether the lines add up to the amount."""
        difference = payout.difference_minor
        if difference is None:
            return display.badge("", _("not told yet") if payout.is_automatic else _("asked for by hand"))
        if difference:
            off = {"amount": display.amount(abs(difference), payout.currency)}
            return display.badge("", _("%(amount)s off") % off, of="bad")
        return display.badge("", _("adds up"), of="good")

    @admin.display(description=gettext_lazy("test or live"))
    def mode_badge(self, payout: Payout) -> SafeString:
        return display.mode_badge(payout.livemode)

    @admin.action(description=gettext_lazy("Export their lines as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Payout]) -> HttpResponseBase:
        """Download the lines of the selected payouts for a spreadsheet."""
        return payouts_as_csv(queryset, "payouts.csv")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.csv_view)
        return [path("<int:pk>/csv/", view, name="django_checkout_payout_csv"), *super().get_urls()]

    def csv_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Download the lines of one payout for a spreadsheet."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        payouts = self.get_queryset(request).filter(pk=pk)
        payout = payouts.first()
        if payout is None:
            raise Http404
        return payouts_as_csv(payouts, f"{payout.stripe_id}.csv")

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Payout | None = None,
    ) -> HttpResponse:
        """Show how the payout adds up, and its lines a page at a time."""
        if obj is not None:
            context |= self._page(request, obj)
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response

    def _page(self, request: HttpRequest, payout: Payout) -> dict[str, Any]:
        # The payout itself is the line that takes the others' sum out of the balance.
        totals = {kind: total for kind, total in figures.payout_totals(payout).items() if kind not in OWN_TYPES}
        lines = payout.lines.select_related("payment__order").order_by("pk")
        page = Paginator(lines, LINES_PER_PAGE).get_page(request.GET.get("page"))
        return {
            "title": _("Payout %(payout)s") % {"payout": payout},
            "subtitle": None,
            "badges": [display.badge(payout.status), self.sum_badge(payout), display.mode_badge(payout.livemode)],
            "at_stripe": self.stripe_link(payout.stripe_id, livemode=payout.livemode),
            "amount": display.amount(payout.amount_minor, payout.currency),
            "sum_rows": [_sum_row(kind, total) for kind, total in totals.items()],
            "sum_net": display.amount(sum(total.net_minor for total in totals.values()), payout.currency),
            "difference": payout.difference_minor and display.amount(payout.difference_minor, payout.currency),
            "lines_table": self._lines(list(page), payout),
            "lines_page": page,
            "csv_url": reverse("admin:django_checkout_payout_csv", args=[payout.pk], current_app=self.admin_site.name),
        }

    def _lines(self, lines: list[BalanceTransaction], payout: Payout) -> Table:
        return Table(
            name="payout-lines",
            title=_("Lines"),
            headings=(
                _("Movement"),
                # Django itself has "Order" as a position in a row.
                pgettext("what was sold", "Order"),
                _("Gross"),
                _("Fee"),
                _("Net"),
                _("When"),
                _("Stripe id"),
            ),
            amounts=(_("Gross"), _("Fee"), _("Net")),
            rows=[
                (
                    movement(line.type),
                    self.link(line.payment.order if line.payment else None),
                    display.amount_cell(line.amount_minor, line.currency),
                    display.amount_cell(-line.fee_minor, line.currency),
                    display.amount_cell(line.net_minor, line.currency),
                    display.instant_cell(line.created_at),
                    display.short_id(line.source_id or line.stripe_id),
                )
                for line in lines
            ],
        )


def _sum_row(kind: str, total: figures.Balance) -> tuple[str, str, str, str, str]:
    gross, fee, net = (
        display.amount(minor, total.currency) for minor in (total.gross_minor, -total.fee_minor, total.net_minor)
    )
    return movement(kind), display.number(total.lines), gross, fee, net


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(FactsAdmin[ReconciliationRun]):
    """When Stripe was compared with our rows, and what came of it."""

    list_display = ("begun", "state_badge", "scope_and_window", "looked_at", "differences")
    list_filter = (RunScopeFilter, RunStateFilter)
    sortable_by = ()
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("scope_label", "state_badge", "is_fixing", "window")}),
        (gettext_lazy("Result"), {"fields": ("looked_at", "found", "mended", "started", "duration")}),
    )

    @admin.display(description=gettext_lazy("started"))
    def started(self, run: ReconciliationRun) -> SafeString:
        return display.instant_cell(run.started_at)

    @admin.display(description=gettext_lazy("started"))
    def begun(self, run: ReconciliationRun) -> SafeString:
        took = _("took %(time)s") % {"time": self.duration(run)} if run.finished_at else ""
        return display.lines(display.instant_cell(run.started_at), took)

    @admin.display(description=gettext_lazy("compared"))
    def scope_and_window(self, run: ReconciliationRun) -> SafeString:
        return display.lines(self.scope_label(run), f"{display.day(run.since)} {display.DASH} {display.day(run.until)}")

    @admin.display(description=gettext_lazy("scope"))
    def scope_label(self, run: ReconciliationRun) -> str:
        return {"orders": _("Orders"), "payouts": _("Payouts")}.get(run.scope) or run.scope

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, run: ReconciliationRun) -> SafeString:
        return display.badge(run.state)

    @admin.display(description=gettext_lazy("looked at what Stripe made"))
    def window(self, run: ReconciliationRun) -> SafeString:
        return display.join([display.instant_cell(run.since), display.DASH, display.instant_cell(run.until)])

    @admin.display(description=gettext_lazy("looked at"))
    def looked_at(self, run: ReconciliationRun) -> str:
        said = (f"{display.number(number)} {display.label(name)}" for name, number in sorted(run.seen.items()))
        return ", ".join(said) or display.DASH

    @admin.display(description=gettext_lazy("differences"))
    def differences(self, run: ReconciliationRun) -> SafeString:
        """Say how many there were and, of a run that mends, how many are left."""
        if not run.found:
            return display.badge("", _("none"), of="good")
        said = {"count": run.found, "mended": run.mended}
        if run.is_fixing:
            text = ngettext("%(count)d, %(mended)d mended", "%(count)d, %(mended)d mended", run.found) % said
        else:
            text = _("%(count)d, only looked") % said
        return display.badge("", text, of="good" if run.mended >= run.found else "bad")

    @admin.display(description=gettext_lazy("took"))
    def duration(self, run: ReconciliationRun) -> str:
        if run.finished_at is None:
            return display.DASH
        seconds = round((run.finished_at - run.started_at).total_seconds())
        return f"{seconds // 60}:{seconds % 60:02}"
