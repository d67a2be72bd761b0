"""What staff can do to an order: each calls one service and says what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_checkout import services
from django_checkout.admin import display
from django_checkout.admin.forms import CaptureForm, ConfirmForm, NoteForm, RefundForm
from django_checkout.admin.operations import Operation
from django_checkout.admin.rows import OrderRows
from django_checkout.exceptions import RefundError, SessionNotFoundError
from django_checkout.states import Attention, OrderStatus, RefundStatus, SessionStatus

Values = Mapping[str, Any]


def _sync(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    order = services.sync(rows.order)
    return _("Synced with Stripe: the order is %(status)s.") % {"status": display.label(order.status)}


def _expire(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    if rows.open_session is None:
        raise SessionNotFoundError("This order has no open session.")
    session = services.expire(rows.open_session)
    if session.status == SessionStatus.COMPLETE:
        return _("The session had just been completed by the customer, so it was not expired.")
    return _("Expired the session %(session)s.") % {"session": session}


def _capture(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    minor: int = values["amount"]
    services.capture(rows.order, None if minor == rows.authorized_minor else minor)
    return _("Captured %(amount)s.") % {"amount": display.amount(minor, rows.order.currency)}


def _refund(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    refund = services.refund(rows.order, values["amount"], values["reason"] or None, by=request.user)
    said = {
        "amount": display.amount(refund.amount_minor, refund.currency),
        "refund": refund,
        "status": display.label(refund.status),
    }
    if refund.status == RefundStatus.SUCCEEDED:
        return _("Refunded %(amount)s (%(refund)s).") % said
    return _("Asked Stripe to refund %(amount)s: %(status)s (%(refund)s).") % said


def _return_surplus(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    returned = services.return_surplus(rows.order)
    if not returned:
        raise RefundError(
            "nothing was given back, because Stripe shows a refund, a dispute or no payment that is surely kept. "
            "Look at both payments in Stripe's dashboard."
        )
    said = ngettext("Gave back %(count)d surplus payment.", "Gave back %(count)d surplus payments.", returned)
    return said % {"count": returned}


def _finish(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    finished = [services.resume_refund(refund) for refund in rows.unanswered_refunds]
    said = ", ".join(f"{refund} {display.label(refund.status)}" for refund in finished)
    return _("Finished refunds that Stripe had not answered for: %(refunds)s.") % {"refunds": said}


def _cancel(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    services.cancel(rows.order)
    return _("Canceled the order.")


def _accept(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    services.accept(rows.order, values["note"], by=request.user)
    return _("Accepted: %(note)s") % {"note": values["note"]}


def _deliver(request: HttpRequest, rows: OrderRows, values: Values) -> str:
    numbers = {"delivered": services.deliver_pending(rows.order), "pending": len(rows.pending)}
    return _("%(delivered)d of %(pending)d pending notifications delivered.") % numbers


ORDER_OPERATIONS: tuple[Operation[OrderRows], ...] = (
    Operation(
        name="sync",
        label=gettext_lazy("Sync with Stripe"),
        hint=gettext_lazy("Reads this order's sessions, refunds and disputes from Stripe and records what it says."),
        run=_sync,
        is_offered=lambda rows: any(session.stripe_id for session in rows.sessions),
    ),
    Operation(
        name="deliver",
        label=gettext_lazy("Deliver notifications"),
        hint=gettext_lazy("Runs the shop's receivers for what is not delivered yet."),
        run=_deliver,
        is_offered=lambda rows: bool(rows.pending),
    ),
    Operation(
        name="expire",
        label=gettext_lazy("Expire open session"),
        hint=gettext_lazy("Ends the payment page that is open; the customer can start a new one."),
        run=_expire,
        is_offered=lambda rows: rows.open_session is not None,
    ),
    Operation(
        name="accept",
        label=gettext_lazy("Accept"),
        hint=gettext_lazy("Resolves what needs attention; if the shop was not told of the payment, it is told now."),
        run=_accept,
        is_offered=lambda rows: bool(rows.open_attention),
        form=NoteForm,
    ),
    Operation(
        name="capture",
        label=gettext_lazy("Capture"),
        hint=gettext_lazy("Takes the authorized money. What is not captured is released and cannot be taken later."),
        run=_capture,
        is_offered=lambda rows: rows.order.status == OrderStatus.AUTHORIZED and rows.authorized_minor > 0,
        form=CaptureForm,
    ),
    Operation(
        name="refund",
        label=gettext_lazy("Refund"),
        hint=gettext_lazy("Gives money back to the customer."),
        run=_refund,
        is_offered=lambda rows: rows.refundable_minor > 0,
        permission="refund",
        form=RefundForm,
        is_final=True,
    ),
    Operation(
        name="surplus",
        label=gettext_lazy("Give back the surplus"),
        hint=gettext_lazy(
            "Reads both payments from Stripe, then refunds, or releases, what was paid besides the kept payment."
        ),
        run=_return_surplus,
        is_offered=lambda rows: any(item.code == Attention.DOUBLE_PAYMENT for item in rows.open_attention),
        permission="refund",
        form=ConfirmForm,
        is_final=True,
    ),
    Operation(
        name="finish",
        label=gettext_lazy("Finish refund"),
        hint=gettext_lazy("Looks for the refund that Stripe has not answered for, and asks again if it is not there."),
        run=_finish,
        is_offered=lambda rows: bool(rows.unanswered_refunds),
        permission="refund",
    ),
    Operation(
        name="cancel",
        label=gettext_lazy("Cancel order"),
        hint=gettext_lazy("Ends the open payment page, releases what is only authorized, and closes the order."),
        run=_cancel,
        is_offered=lambda rows: rows.order.status in (OrderStatus.UNPAID, OrderStatus.AUTHORIZED),
        form=ConfirmForm,
        is_final=True,
    ),
)
