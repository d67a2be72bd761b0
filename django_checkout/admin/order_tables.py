"""The tables of the order page: lines, payments, refunds, disputes, fees, subscriptions, sessions, notifications."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from django_checkout import ledger
from django_checkout.admin import display
from django_checkout.admin.base import FactsAdmin
from django_checkout.admin.order_rows import OrderRows
from django_checkout.admin.tables import Table
from django_checkout.models import BalanceTransaction, Order
from django_checkout.models.announcements import AnnouncementState
from django_checkout.states import (
    BalanceTransactionType,
    DisputeReason,
    DisputeStatus,
    IntentStatus,
    RefundReason,
    RefundStatus,
    SessionPayment,
    SessionStatus,
    SignalName,
    SubscriptionStatus,
    Tone,
    UIMode,
    describe_method,
)


class OrderTables:
    """Builds the tables of one order, with links to pages of this admin site."""

    def __init__(self, admin: FactsAdmin[Order], rows: OrderRows) -> None:
        self.admin = admin
        self.rows = rows
        self.currency = rows.order.currency

    def money(self) -> list[Table]:
        """Return the tables of lines and money that have rows."""
        moved = [self._payments(), self._refunds(), self._disputes(), self._balance()]
        return _filled([self._lines(), *moved, self._subscriptions()])

    def attempts(self) -> list[Table]:
        """Return the tables of sessions and notifications that have rows."""
        return _filled([self._sessions(), self._announcements()])

    def _lines(self) -> Table:
        return Table(
            name="lines",
            title=_("Lines"),
            headings=(_("Item"), _("Quantity"), _("Unit price"), _("Amount")),
            amounts=(_("Quantity"), _("Unit price"), _("Amount")),
            rows=[
                (
                    f"{line.name} ({line.sku})" if line.sku else line.name,
                    display.number_cell(line.quantity),
                    display.amount_cell(line.unit_amount_minor, self.currency),
                    display.amount_cell(line.amount_minor, self.currency),
                )
                for line in self.rows.lines
            ],
        )

    def _payments(self) -> Table:
        kept = self.rows.order.kept_payment_id
        return Table(
            name="payments",
            title=_("Payments"),
            headings=(_("Payment"), _("Status"), _("Amount"), _("Captured"), _("Charge"), _("At Stripe")),
            amounts=(_("Amount"), _("Captured")),
            rows=[
                (
                    display.lines(self.admin.link(row), describe_method(row.method)),
                    display.join(
                        [display.status_badge(IntentStatus, row.intent_status)]
                        + ([display.badge(_("surplus"), Tone.BAD)] if self._is_surplus(row.pk, kept) else [])
                    ),
                    display.amount_cell(row.amount_minor, row.currency),
                    display.amount_cell(row.captured_minor, row.currency),
                    display.code(row.charge_id),
                    self.admin.dashboard_link(row.stripe_id, livemode=row.livemode),
                )
                for row in self.rows.payments
            ],
        )

    def _is_surplus(self, pk: int, kept: int | None) -> bool:
        return kept is not None and pk != kept and any(p.pk == pk and p.captured_minor for p in self.rows.payments)

    def _refunds(self) -> Table:
        return Table(
            name="refunds",
            title=_("Refunds"),
            headings=(
                _("Refund"),
                _("Status"),
                _("Amount"),
                _("Reason"),
                _("Requested by"),
                _("Date"),
                _("Credit note"),
            ),
            amounts=(_("Amount"),),
            rows=[
                (
                    self.admin.link(row),
                    display.status_badge(RefundStatus, row.status),
                    display.amount_cell(row.amount_minor, row.currency),
                    row.failure_reason or RefundReason.label_of(row.reason) or display.NOTHING,
                    row.asked_by or (_("this site") if row.is_ours else _("Stripe's dashboard")),
                    display.instant_cell(row.occurred_at),
                    display.credit_note(row),
                )
                for row in self.rows.refunds
            ],
        )

    def _disputes(self) -> Table:
        livemode = self.rows.order.livemode
        return Table(
            name="disputes",
            title=_("Disputes"),
            headings=(_("Dispute"), _("Status"), _("Amount"), _("Reason"), _("Evidence due by"), _("At Stripe")),
            amounts=(_("Amount"),),
            rows=[
                (
                    self.admin.link(row),
                    display.status_badge(DisputeStatus, row.status),
                    display.amount_cell(row.amount_minor, row.currency),
                    DisputeReason.label_of(row.reason) or display.NOTHING,
                    display.instant_cell(row.due_by) if row.is_open else display.NOTHING,
                    self.admin.dashboard_link(row.stripe_id, livemode=livemode),
                )
                for row in self.rows.disputes
            ],
        )

    def _balance(self) -> Table:
        """Return the fees of the payments, and the payouts that paid out the net amounts."""
        names = {payment.pk: payment for payment in self.rows.payments}
        rows: list[tuple[object, ...]] = [
            (
                capfirst(BalanceTransactionType.label_of(row.type)),
                self.admin.link(names.get(row.payment_id or 0)),
                display.amount_cell(row.amount_minor, row.currency),
                display.amount_cell(-row.fee_minor, row.currency),
                display.amount_cell(row.net_minor, row.currency),
                self._payout(row),
            )
            for row in self.rows.balance
        ]
        if len(rows) > 1:
            rows += [self._balance_sum(currency) for currency in sorted({row.currency for row in self.rows.balance})]
        return Table(
            name="balance",
            title=_("Fees and payouts"),
            headings=(_("Type"), _("Payment"), _("Gross"), _("Fee"), _("Net"), _("Payout")),
            amounts=(_("Gross"), _("Fee"), _("Net")),
            rows=rows,
        )

    def _balance_sum(self, currency: str) -> tuple[object, ...]:
        moved = [row for row in self.rows.balance if row.currency == currency]
        sums = (
            sum(row.amount_minor for row in moved),
            -sum(row.fee_minor for row in moved),
            sum(row.net_minor for row in moved),
        )
        cells = (display.sum_cell(minor, currency) for minor in sums)
        return (display.strong(_("Total")), "", *cells, "")

    def _payout(self, row: BalanceTransaction) -> object:
        if row.payout is None:
            return display.lines(
                _("not paid out yet"), _("available on %(at)s") % {"at": display.day(row.available_on)}
            )
        return display.lines(
            self.admin.link(row.payout, display.short_id(row.payout.stripe_id)),
            _("arrives on %(at)s") % {"at": row.payout.arrival_date.isoformat()},
        )

    def _subscriptions(self) -> Table:
        return Table(
            name="subscriptions",
            title=_("Subscriptions"),
            headings=(_("Subscription"), _("Status"), _("Current period ends"), _("Ended"), _("At Stripe")),
            rows=[
                (
                    self.admin.link(row),
                    display.status_badge(SubscriptionStatus, row.status),
                    display.instant_cell(row.current_period_end),
                    display.instant_cell(row.ended_at),
                    self.admin.dashboard_link(row.stripe_id, livemode=row.livemode),
                )
                for row in self.rows.subscriptions
            ],
        )

    def _sessions(self) -> Table:
        return Table(
            name="sessions",
            title=_("Checkout sessions"),
            headings=(_("Session"), _("Status"), _("Payment"), _("Page"), _("Total"), _("Created")),
            amounts=(_("Total"),),
            rows=[
                (
                    self.admin.link(row, display.short_id(str(row))),
                    display.status_badge(SessionStatus, row.status),
                    display.status_badge(SessionPayment, display.session_payment(row)),
                    UIMode.label_of(row.ui_mode),
                    display.amount_cell(row.amount_total_minor, row.currency),
                    display.instant_cell(row.created_at),
                )
                for row in self.rows.sessions
            ],
        )

    def _announcements(self) -> Table:
        return Table(
            name="announcements",
            title=_("Notifications"),
            headings=(_("Signal"), _("State"), _("Attempts"), _("Last error"), _("Next attempt"), _("Date")),
            rows=[
                (
                    display.lines(self.admin.link(row, SignalName.label_of(row.signal)), row.signal),
                    display.status_badge(AnnouncementState, row.state),
                    row.attempts,
                    row.last_error or display.NOTHING,
                    # Without a receiver there is no attempt.
                    display.instant_cell(row.next_attempt_at if ledger.has_receiver(row.signal) else None),
                    display.instant_cell(row.announced_at or row.created_at),
                )
                for row in self.rows.announcements
            ],
        )


def _filled(tables: Iterable[Table]) -> list[Table]:
    return [table for table in tables if table.rows]
