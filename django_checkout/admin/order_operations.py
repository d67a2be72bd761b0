"""The operations on an order: each calls one service and returns what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_checkout.admin import deferred, display
from django_checkout.admin.forms import CaptureForm, ConfirmForm, NoteForm, RefundForm
from django_checkout.admin.operations import Operation
from django_checkout.exceptions import RefundError, SessionNotFoundError
from django_checkout.states import Attention, OrderStatus, RefundStatus, SessionStatus

if TYPE_CHECKING:
    from django_checkout.admin.order_rows import OrderRows

Values = Mapping[str, Any]


def _sync(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    order = deferred.services.sync(rows.order)
    return _("Synced with Stripe: the order is %(status)s.") % {"status": OrderStatus.label_of(order.status)}


def _expire(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    if rows.open_session is None:
        raise SessionNotFoundError(_("This order has no open session."))
    session = deferred.services.expire(rows.open_session)
    if session.status == SessionStatus.COMPLETE:
        return _("The customer has just completed the session, so it was not expired.")
    return _("Expired the session %(session)s.") % {"session": session}


def _capture(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    minor: int = values["amount"]
    deferred.services.capture(rows.order, None if minor == rows.authorized_minor else minor)
    return _("Captured %(amount)s.") % {"amount": display.amount(minor, rows.order.currency)}


def _refund(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    refund = deferred.services.refund(
        rows.order,
        values["amount"],
        values["reason"] or None,
        by=request.user,
        in_addition_to=values["in_addition_to"],
    )
    done = {
        "amount": display.amount(refund.amount_minor, refund.currency),
        "refund": refund,
        "status": RefundStatus.label_of(refund.status),
    }
    if refund.status == RefundStatus.SUCCEEDED:
        return _("Refunded %(amount)s (%(refund)s).") % done
    return _("Requested a refund of %(amount)s: %(status)s (%(refund)s).") % done


def _refund_surplus(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    returned = deferred.services.return_surplus(rows.order)
    if not returned:
        raise RefundError(
            _(
                "nothing was refunded, because one of the payments was refunded or disputed, or did not succeed. "
                "Compare the payments in Stripe's dashboard."
            )
        )
    message = ngettext("Refunded %(count)d surplus payment.", "Refunded %(count)d surplus payments.", returned)
    return message % {"count": returned}


def _resume_refunds(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    resumed = [deferred.services.resume_refund(refund) for refund in rows.unconfirmed_refunds]
    statuses = ", ".join(f"{refund} {RefundStatus.label_of(refund.status)}" for refund in resumed)
    return _("Resumed the refunds that Stripe had not confirmed: %(refunds)s.") % {"refunds": statuses}


def _issue_credit_notes(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    issued = [deferred.services.create_credit_note(refund) for refund in rows.uncredited_refunds]
    notes = ", ".join(refund.credit_note_id for refund in issued)
    return _("Issued at Stripe: %(notes)s.") % {"notes": notes}


def _cancel(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    deferred.services.cancel(rows.order)
    return _("Canceled the order.")


def _accept(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    deferred.services.accept(rows.order, values["note"], by=request.user)
    return _("Accepted: %(note)s") % {"note": values["note"]}


def _deliver(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    numbers = {"delivered": deferred.services.deliver_pending(rows.order).delivered, "pending": len(rows.pending)}
    return _("%(delivered)d of %(pending)d pending notifications delivered.") % numbers


ORDER_OPERATIONS: tuple[Operation[OrderRows], ...] = (
    Operation(
        name="sync",
        label=gettext_lazy("Sync with Stripe"),
        hint=gettext_lazy("Reads the order's sessions, refunds and disputes from Stripe, and updates the order."),
        run=_sync,
        is_offered=lambda rows: any(session.stripe_id for session in rows.sessions),
    ),
    Operation(
        name="deliver",
        label=gettext_lazy("Deliver notifications"),
        hint=gettext_lazy("Delivers the pending notifications to the shop's receivers."),
        run=_deliver,
        is_offered=lambda rows: bool(rows.pending),
    ),
    Operation(
        name="expire",
        label=gettext_lazy("Expire open session"),
        hint=gettext_lazy("Closes the open payment page. The customer can start a new one."),
        run=_expire,
        is_offered=lambda rows: rows.open_session is not None,
    ),
    Operation(
        name="accept",
        label=gettext_lazy("Accept"),
        hint=gettext_lazy(
            "Resolves every reason for attention, and notifies the shop of the payment if it has not been notified yet."
        ),
        run=_accept,
        is_offered=lambda rows: bool(rows.open_attention),
        form=NoteForm,
    ),
    Operation(
        name="capture",
        label=gettext_lazy("Capture"),
        hint=gettext_lazy(
            "Captures the authorized payment. An amount that you do not capture is released to the customer."
        ),
        run=_capture,
        is_offered=lambda rows: rows.order.status == OrderStatus.AUTHORIZED and rows.authorized_minor > 0,
        form=CaptureForm,
    ),
    Operation(
        name="refund",
        label=gettext_lazy("Refund"),
        hint=gettext_lazy("Refunds the customer in full or in part."),
        run=_refund,
        is_offered=lambda rows: rows.refundable_minor > 0,
        permission="refund",
        form=RefundForm,
        is_final=True,
    ),
    Operation(
        name="surplus",
        label=gettext_lazy("Refund surplus payments"),
        hint=gettext_lazy(
            "Reads the payments from Stripe, then refunds or releases those that the order does not keep."
        ),
        run=_refund_surplus,
        is_offered=lambda rows: any(item.code == Attention.DOUBLE_PAYMENT for item in rows.open_attention),
        permission="refund",
        form=ConfirmForm,
        is_final=True,
    ),
    Operation(
        name="finish",
        label=gettext_lazy("Resume refund"),
        hint=gettext_lazy(
            "Looks up the unconfirmed refund at Stripe, and requests it again if Stripe does not have it."
        ),
        run=_resume_refunds,
        is_offered=lambda rows: bool(rows.unconfirmed_refunds),
        permission="refund",
    ),
    Operation(
        name="credit",
        label=gettext_lazy("Issue credit notes"),
        hint=gettext_lazy(
            "Issues a credit note at Stripe for each refund that has none yet, if the payment has an invoice."
        ),
        run=_issue_credit_notes,
        is_offered=lambda rows: bool(rows.uncredited_refunds),
        permission="refund",
    ),
    Operation(
        name="cancel",
        label=gettext_lazy("Cancel order"),
        hint=gettext_lazy("Closes the open payment page, releases an authorized payment and cancels the order."),
        run=_cancel,
        is_offered=lambda rows: rows.order.status in (OrderStatus.UNPAID, OrderStatus.AUTHORIZED),
        form=ConfirmForm,
        is_final=True,
    ),
)
