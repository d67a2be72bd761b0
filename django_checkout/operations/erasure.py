"""Erases shoppers' personal data and keeps the accounting data: amounts, dates, ids, items sold and staff's notes.

The code lists what is kept, so that fields Stripe adds later are erased too. An erased order stays erased: later facts
restore nothing, and later events about it lose their personal data when they are processed or fail. Stripe keeps its
own copy: see ``refuse_redaction``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from django_checkout import ledger
from django_checkout.conf import conf
from django_checkout.exceptions import ErasureError
from django_checkout.models import (
    CheckoutSession,
    Customer,
    Dispute,
    IdempotentAnswer,
    Order,
    Payment,
    Refund,
    WebhookEvent,
)
from django_checkout.models.events import EventState
from django_checkout.states import IN_FLIGHT_ORDER_STATUSES, LIVE_SESSION_STATUSES
from django_checkout.webhooks.envelope import keys, only, reduced

logger = logging.getLogger("django_checkout")

#: The keys that an erased request keeps: items, prices and payment options.
KEPT_OF_REQUESTS = keys(
    "adjustable_quantity allow_promotion_codes allowed_payment_method_types automatic_tax capture_method card",
    "client_reference_id coupon currency customer discounts enabled expires_at interval interval_count is_guests",
    "line_items maximum metadata minimum mode optional_items payment_intent_data payment_method_options",
    "payment_method_types price price_data product product_data promotion_code quantity recurring",
    "setup_future_usage setup_intent_data subscription_data tax_behavior tax_code tax_rates trial_period_days ui_mode",
    "unit_amount unit_amount_decimal",
)
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many rows were erased, or would be in a dry run."""

    orders: int = 0
    sessions: int = 0
    events: int = 0
    #: The API's stored idempotent responses.
    answers: int = 0

    def __add__(self, other: Erased) -> Erased:
        """Return the sums."""
        return Erased(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


def erase_order(order: Order, *, is_dry: bool = False) -> Erased:
    """Erase personal data from an order, its requests, its events and the API's stored responses; safe to repeat.

    Must run outside transactions.

    Raises:
        ErasureError: the order can still be paid, or a payment is being processed.
    """
    if is_dry:
        _refuse_live(order, list(order.sessions.all()))
        events = _count_personal(events_of(order))
        answers = answers_of(order).count()
        return Erased(orders=1, sessions=order.sessions.count(), events=events, answers=answers)

    def work() -> int:
        locked = ledger.lock_order(pk=order.pk)
        _refuse_live(locked.order, locked.sessions)
        Order.objects.filter(pk=order.pk).update(
            email="",
            customer_details={},
            metadata={},
            params=only(order.params, KEPT_OF_REQUESTS),
            erased_at=timezone.now(),
        )
        Payment.objects.filter(order=order.pk).update(method=None, next_action=None, action_expires_at=None)
        for session in locked.sessions:
            request = only(session.request, KEPT_OF_REQUESTS)
            erased: dict[str, Any] = {"recovery_url": "", "return_url": "", "customer_details": {}}
            CheckoutSession.objects.filter(pk=session.pk).update(request=request, **erased)
        return len(locked.sessions)

    sessions = ledger.in_transaction(work)
    events = _erase_events(events_of(order))
    answers, _ = answers_of(order).delete()
    logger.info("erased order=%s sessions=%d events=%d answers=%d", order.reference, sessions, events, answers)
    return Erased(orders=1, sessions=sessions, events=events, answers=answers)


def erase_user(user: Any, *, is_dry: bool = False) -> Erased:
    """Erase every order of a user, and the links from the orders and the Stripe Customer to the user.

    Must run outside transactions.

    Raises:
        ErasureError: one of the orders can still be paid; nothing is erased.
    """
    orders = list(Order.objects.filter(user=user).order_by("pk"))
    customers = customers_of(user)
    for order in orders:
        _refuse_live(order, list(order.sessions.all()))
    total = Erased()
    for order in orders:
        total += erase_order(order, is_dry=is_dry)
    theirs = WebhookEvent.objects.filter(Q(object_id__in=customers) | _unprocessed_of(customers))
    answers = IdempotentAnswer.objects.filter(principal=f"user:{user.pk}")
    if is_dry:
        return total + Erased(events=_count_personal(theirs), answers=answers.count())
    total += Erased(events=_erase_events(theirs), answers=answers.delete()[0])
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(user=None)
    Customer.objects.filter(user=user).delete()
    return total


def events_of(order: Order) -> QuerySet[WebhookEvent]:
    """Return the events about an order's Stripe objects, refunds, disputes and renewals.

    A renewal's charge refers to the order only by the Customer in its payload, so every unprocessed event's payload is
    searched for the Customer; this is slow with millions of events.
    """
    objects = objects_of(order)
    known = [stripe_id for ids in objects.values() for stripe_id in ids]
    for model in (Refund, Dispute):
        ids = model._default_manager.filter(payment__order=order).values_list("stripe_id", flat=True)
        known += filter(None, ids)
    subscriptions = set(order.sessions.exclude(subscription_id="").values_list("subscription_id", flat=True))
    subscriptions |= set(order.subscriptions.values_list("stripe_id", flat=True))
    intents = list(order.payments.values_list("stripe_id", flat=True))
    about = Q(object_id__in=[*known, *subscriptions]) | Q(payment_intent_id__in=intents)
    if subscriptions:
        about |= Q(subscription_id__in=list(subscriptions)) | _unprocessed_of(objects.get("customers", []))
    return WebhookEvent.objects.filter(about)


def _unprocessed_of(customers: list[str]) -> Q:
    return ~Q(state=EventState.PROCESSED) & Q(payload__data__object__customer__in=customers)


def objects_of(order: Order) -> dict[str, list[str]]:
    """Return the ids of the Stripe objects that hold an order's personal data, keyed as in Stripe's redaction jobs."""
    found: dict[str, set[str | None]] = {
        "checkout_sessions": set(order.sessions.values_list("stripe_id", flat=True)),
        "customers": set(order.sessions.values_list("customer_id", flat=True)),
        "invoices": set(order.sessions.values_list("invoice_id", flat=True)),
        "payment_intents": set(order.payments.filter(stripe_id__startswith="pi_").values_list("stripe_id", flat=True)),
        "charges": set(order.payments.values_list("charge_id", flat=True)),
    }
    return {name: sorted(filter(None, ids)) for name, ids in found.items() if any(ids)}


def answers_of(order: Order) -> QuerySet[IdempotentAnswer]:
    """Return the API's stored responses about an order, to its shopper and to staff.

    A request repeated after their deletion runs again and changes nothing: services see that the work is done.
    """
    uuids = [*order.sessions.values_list("uuid", flat=True)]
    uuids += Refund.objects.filter(payment__order=order).values_list("uuid", flat=True)
    return IdempotentAnswer.objects.filter(
        Q(principal=f"order:{order.pk}")
        | Q(body__reference=order.reference)
        | Q(body__order=order.reference)
        | Q(body__id__in=[str(uuid) for uuid in uuids])
    )


def _erase_events(events: QuerySet[WebhookEvent]) -> int:
    erased = 0
    changed: list[WebhookEvent] = []
    for event in events.only("pk", "payload").order_by("pk").iterator(chunk_size=BATCH):
        payload = reduced(event.payload)
        if payload != event.payload:
            event.payload = payload
            changed.append(event)
        if len(changed) == BATCH:
            erased += WebhookEvent.objects.bulk_update(changed, ["payload"])
            changed = []
    return erased + (WebhookEvent.objects.bulk_update(changed, ["payload"]) if changed else 0)


def _count_personal(events: QuerySet[WebhookEvent]) -> int:
    payloads = events.values_list("payload", flat=True).order_by("pk").iterator(chunk_size=BATCH)
    return sum(reduced(payload) != payload for payload in payloads)


def _refuse_live(order: Order, sessions: Iterable[CheckoutSession]) -> None:
    if any(session.status in LIVE_SESSION_STATUSES for session in sessions):
        raise ErasureError(f"Order {order.reference} can still be paid: expire its session or cancel it first.")
    if order.status in IN_FLIGHT_ORDER_STATUSES:
        raise ErasureError(f"A payment of order {order.reference} is in progress: wait, capture it or cancel it.")


def customers_of(user: Any) -> list[str]:
    """Return the ids of a user's Customers at Stripe."""
    return list(Customer.objects.filter(user=user).order_by("pk").values_list("stripe_id", flat=True))


def find_user(name: str) -> Any:
    """Return the user with this login name or primary key.

    Raises:
        ErasureError: there is no such user.
    """
    model = get_user_model()
    user = model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()
    if user is None and name.isdecimal():
        user = model._default_manager.filter(pk=name).first()
    if user is None:
        raise ErasureError("There is no such user.")
    return user


def refuse_redaction() -> None:
    """Report that Stripe's copy cannot be redacted: redaction jobs exist only in preview versions of the API.

    https://docs.stripe.com/privacy/redaction

    Raises:
        ErasureError: always; the message says what to do instead.
    """
    raise ErasureError(
        f"The data is erased here but not at Stripe: its API {conf.CHECKOUT_API_VERSION} has no redaction jobs (they "
        "are a preview). "
        "To redact the objects above, see https://docs.stripe.com/privacy/redaction."
    )
