"""Payouts and their transactions in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from django_checkout.admin import columns, deferred, display
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.filters import by
from django_checkout.admin.tables import Table
from django_checkout.models import BalanceTransaction, Payout
from django_checkout.states import BalanceTransactionType, PayoutStatus, Tone

if TYPE_CHECKING:
    from django_checkout.operations.balances import Balance

LINES_PER_PAGE = 100


@admin.register(Payout)
class PayoutAdmin(FactsAdmin[Payout]):
    """The payouts and their transactions."""

    change_form_template = "admin/django_checkout/payout/change_form.html"
    actions = ("export_csv",)
    list_display = ("name", "amount", "status_badge", "sum_badge")
    list_filter = (by(PayoutStatus), "livemode", "arrival_date")
    sortable_by = ()
    ordering = ("-arrival_date", "-id")
    search_exact = ("stripe_id",)
    search_help_text = gettext_lazy("Stripe ID of a payout")

    @admin.display(description=gettext_lazy("arrival date"))
    def name(self, payout: Payout) -> SafeString:
        return display.lines(payout.arrival_date.isoformat(), display.short_id(payout.stripe_id))

    amount = columns.amount(gettext_lazy("amount"), "amount_minor")
    status_badge = columns.status(PayoutStatus)

    @admin.display(description=gettext_lazy("sum of its transactions"))
    def sum_badge(self, payout: Payout) -> SafeString:
        """Return a badge that says whether the transactions add up to the amount."""
        difference = payout.difference_minor
        if difference is None:
            return display.badge(_("not available yet") if payout.is_automatic else _("manual payout"))
        if difference:
            off = {"amount": display.amount(abs(difference), payout.currency)}
            return display.badge(_("difference of %(amount)s") % off, Tone.BAD)
        return display.badge(_("adds up"), Tone.GOOD)

    @admin.action(description=gettext_lazy("Export transactions as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Payout]) -> HttpResponseBase:
        """Download the transactions of the selected payouts."""
        return deferred.export.payouts_as_csv(queryset, "payouts.csv")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.csv_view)
        return [path("<int:pk>/csv/", view, name="django_checkout_payout_csv"), *super().get_urls()]

    def csv_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Download the transactions of one payout."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        payouts = self.get_queryset(request).filter(pk=pk)
        payout = payouts.first()
        if payout is None:
            raise Http404
        return deferred.export.payouts_as_csv(payouts, f"{payout.stripe_id}.csv")

    def page_context(self, request: HttpRequest, payout: Payout) -> dict[str, Any]:
        """Show the totals of the payout, and a page of its transactions."""
        # The payout is itself a transaction, which takes the sum of the others out of the balance.
        totals = {
            kind: total
            for kind, total in deferred.balances.payout_totals(payout).items()
            if kind not in deferred.payouts.OWN_TYPES
        }
        lines = payout.lines.select_related("payment__order").order_by("pk")
        page = Paginator(lines, LINES_PER_PAGE).get_page(request.GET.get("page"))
        return {
            "title": _("Payout %(payout)s") % {"payout": payout},
            "subtitle": None,
            "badges": [self.status_badge(payout), self.sum_badge(payout), self.mode_badge(payout)],
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
                _("Type"),
                # Django itself has "Order" as a position in a row.
                pgettext("what was sold", "Order"),
                _("Gross"),
                _("Fee"),
                _("Net"),
                _("Date"),
                _("Stripe ID"),
            ),
            amounts=(_("Gross"), _("Fee"), _("Net")),
            rows=[
                (
                    capfirst(BalanceTransactionType.label_of(line.type)),
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


def _sum_row(kind: str, total: Balance) -> tuple[str, str, str, str, str]:
    gross, fee, net = (
        display.amount(minor, total.currency) for minor in (total.gross_minor, -total.fee_minor, total.net_minor)
    )
    return capfirst(BalanceTransactionType.label_of(kind)), display.number(total.lines), gross, fee, net
