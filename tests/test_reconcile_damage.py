"""Rows damaged by hand: each damage is found, and fixed if that is safe, without a charge or a repeated signal."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from django_checkout import reconcile, services
from django_checkout.models import (
    Announcement,
    AttentionItem,
    CheckoutSession,
    Customer,
    Discrepancy,
    Dispute,
    Order,
    Payment,
    Refund,
    Subscription,
    database,
)
from django_checkout.reconcile import Kind, Outcome
from django_checkout.values import LineData, OrderData

pytestmark = [pytest.mark.django_db, pytest.mark.core]

#: Columns that may change although nothing is wrong.
_VOLATILE = {"id", "updated_at", "created_at", "synced_at", "raised_at", "paid_at", "canceled_at", "announced_at"}
_VOLATILE |= {"last_error", "attempts", "completed_at", "expired_at", "next_attempt_at"}
_VOLATILE |= {"request", "request_hash", "request_id", "url", "ended_at", "leased_until", "is_ours", "asked_by_id"}
#: The columns by which a row is identified.
_KEYS = {
    Order: ("reference",),
    CheckoutSession: ("stripe_id",),
    Payment: ("stripe_id",),
    Refund: ("stripe_id",),
    Dispute: ("stripe_id",),
    Subscription: ("stripe_id",),
    Customer: ("stripe_id",),
    Announcement: ("order__reference", "signal", "fact"),
    AttentionItem: ("order__reference", "code", "fact"),
}


def _place(reference, *, user=None, **line):
    lines = (LineData(**{"name": "Teapot", "unit_amount_minor": 2000, **line}),)
    return services.place(OrderData(reference=reference, currency="eur", lines=lines, user=user))


@pytest.fixture
def shop(damage, stripe_emulator, deliver_events):
    """The orders that the damages need, each in the state that its name says, with every event delivered."""
    needs = damage.needs.split()
    ann, bob = (get_user_model().objects.create_user(name) for name in ("ann", "bob"))
    tea = {"name": "Tea", "recurring_interval": "month"}
    lines = {"subscribed": {**tea, "user": ann}, "ended": tea}
    sessions = {name: services.start(_place(name, **lines.get(name, {}))) for name in ("witness", *needs)}
    for name in needs:
        if name not in ("opened", "expired", "canceled"):
            stripe_emulator.pay(sessions[name].stripe_id)
    deliver_events()
    payments = {row.order.reference: row for row in Payment.objects.select_related("order")}
    for name in needs:
        if name == "refunded":
            services.refund(payments[name].order, 300)
        elif name == "failed":
            stripe_emulator.fail_refund(services.refund(payments[name].order, 300).stripe_id)
        elif name == "disputed":
            stripe_emulator.open_dispute(payments[name].stripe_id)
        elif name == "warned":
            stripe_emulator.warn_of_fraud(payments[name].stripe_id)
        elif name == "expired":
            stripe_emulator.expire(sessions[name].stripe_id)
        elif name == "canceled":
            services.cancel(sessions[name].order)
        elif name == "ended":
            services.cancel_subscription(Subscription.objects.get(), at_period_end=False)
    deliver_events()
    assert reconcile.run().differences == []
    return SimpleNamespace(emulator=stripe_emulator, user=bob)


def _of(model, path="order__reference", **which):
    """Return a function that finds the rows of an order by its reference."""
    return lambda reference: model.objects.filter(**{path: reference}, **which)


def _announced(signal):
    return _of(Announcement, signal=signal)


_order, _session, _payment = _of(Order, "reference"), _of(CheckoutSession), _of(Payment)
_refund, _dispute = _of(Refund, "payment__order__reference"), _of(Dispute, "payment__order__reference")
_subscription, _attention = _of(Subscription), _of(AttentionItem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What is done to the rows by hand, and the result of reconciliation."""

    name: str
    do: object
    kind: Kind
    outcome: Outcome = Outcome.FIXED
    #: The signals that fixing it sends: only those that the damaged rows say were never sent.
    signals: str = ""
    #: The orders that it needs. Those of ``changed`` and ``deleted`` rows come first.
    needs: str = "paid"


def damaged(name, kind, do, **more):
    return pytest.param(Damage(name=name, kind=kind, do=do, **more), id=name.replace(" ", "_"))


def deleted(name, kind, rows, *, needs="paid", **more):
    return damaged(name, kind, lambda shop: rows(needs.split()[0]).delete(), needs=needs, **more)


def changed(name, kind, rows, *, needs="paid", outcome=Outcome.FIXED, signals="", **columns):
    def change(shop):
        values = {column: value.get() if isinstance(value, QuerySet) else value for column, value in columns.items()}
        rows(needs.split()[0]).update(**values)

    return damaged(name, kind, change, needs=needs, outcome=outcome, signals=signals)


ORDER, RELATION = Kind.ORDER_DIFFERS, Kind.RELATION_DIFFERS
LISTED = Outcome.LISTED


def _swap_kept(shop):
    paid, other = _payment("paid").get(), _payment("other").get()
    _order("paid").update(kept_payment=None)
    _order("other").update(kept_payment=paid)
    assert other.pk


def _move_session_and_raise_captured(shop):
    _session("paid").update(order=_order("opened").get())
    _payment("paid").update(captured_minor=9000)


def _delete_payment(shop):
    _order("refunded").update(kept_payment=None)
    _session("refunded").update(payment=None)
    payment = _payment("refunded").get()
    payment.refunds.all().delete()
    payment.delete()


def _delete_order(shop):
    _order("paid").update(kept_payment=None)
    _order("paid").delete()


def _take_slot(shop):
    _session("opened").update(live_for=None)
    _session("paid").update(live_for=_order("opened").get())


DAMAGES = [
    changed(
        "stale save of an unpaid order",
        ORDER,
        _order,
        status="unpaid",
        paid_minor=0,
        kept_payment=None,
        paid_at=None,
        total_minor=None,
    ),
    changed("order status", ORDER, _order, status="unpaid"),
    changed("order status of an unpaid one", ORDER, _order, needs="opened", status="paid", paid_minor=2000),
    changed("order status of a canceled one", ORDER, _order, needs="canceled", status="unpaid", canceled_at=None),
    changed("order paid amount", ORDER, _order, paid_minor=1),
    changed("order refunded amount", ORDER, _order, needs="refunded", refunded_minor=0),
    changed("order total", ORDER, _order, total_minor=1, tax_minor=5),
    changed("order kept payment lost", ORDER, _order, kept_payment=None),
    damaged("order kept payment of another order", ORDER, _swap_kept, needs="paid other"),
    damaged("order kept payment of a later order", ORDER, _swap_kept, needs="other paid"),
    changed("order paid instant", ORDER, _order, paid_at=None),
    changed("order paid instant of an unpaid one", ORDER, _order, needs="opened", paid_at=Now()),
    changed("order disputed lost", ORDER, _order, needs="disputed", disputed=False),
    changed("order disputed wrongly", ORDER, _order, disputed=True),
    changed("order attention lost", ORDER, _order, needs="disputed", needs_attention=False),
    changed("order attention wrongly", ORDER, _order, needs_attention=True),
    changed("order mode", ORDER, _order, livemode=True),
    changed("session status behind", Kind.STALE_OPEN, _session, status="open"),
    changed(
        "session expired but open", Kind.AHEAD_OF_STRIPE, _session, needs="opened", status="expired", live_for=None
    ),
    changed(
        "session complete but open", Kind.AHEAD_OF_STRIPE, _session, needs="opened", status="complete", live_for=None
    ),
    changed(
        "session open but expired",
        Kind.STALE_OPEN,
        _session,
        needs="expired",
        status="open",
        live_for=_order("expired"),
    ),
    changed("session payment status", Kind.SESSION_BEHIND, _session, payment_status="no_payment_required"),
    changed("session id lost", Kind.PAID_NOT_RECORDED, _session, stripe_id=None),
    changed("session id wrong", RELATION, _session, stripe_id="cs_test_wrong"),
    changed("session payment lost", Kind.SESSION_BEHIND, _session, payment=None),
    changed("session payment wrong", RELATION, _session, needs="paid other", payment=_payment("other")),
    changed("session order wrong", RELATION, _session, needs="paid opened", order=_order("opened")),
    damaged(
        "session order wrong and payment captured more",
        RELATION,
        _move_session_and_raise_captured,
        outcome=LISTED,
        needs="paid opened",
    ),
    changed("session slot lost", ORDER, _session, needs="opened", live_for=None),
    changed("session slot of an ended session", ORDER, _session, live_for=_order("paid")),
    damaged("session slot of another order", ORDER, _take_slot, needs="paid opened"),
    changed("session total", Kind.AMOUNT_DIFFERS, _session, amount_total_minor=1),
    changed("session subtotal", Kind.AMOUNT_DIFFERS, _session, amount_subtotal_minor=1),
    changed("session tax", Kind.AMOUNT_DIFFERS, _session, amount_tax_minor=7),
    changed("session currency", Kind.AMOUNT_DIFFERS, _session, currency="usd"),
    changed("session subscription", Kind.SUBSCRIPTION_DIFFERS, _session, needs="subscribed", subscription_id=""),
    changed("session customer", Kind.SESSION_BEHIND, _session, needs="subscribed", customer_id="cus_wrong"),
    deleted("session deleted", Kind.SESSION_WITHOUT_ORDER, _session),
    deleted("open session deleted", Kind.SESSION_WITHOUT_ORDER, _session, needs="opened"),
    changed("payment order lost", RELATION, _payment, order=None),
    changed("payment order wrong", RELATION, _payment, needs="paid opened", order=_order("opened")),
    changed("payment captured less", Kind.SESSION_BEHIND, _payment, captured_minor=0),
    changed("payment captured in part", Kind.SESSION_BEHIND, _payment, captured_minor=1),
    changed("payment captured more", Kind.AMOUNT_DIFFERS, _payment, outcome=LISTED, captured_minor=9000),
    changed("payment status behind", Kind.SESSION_BEHIND, _payment, intent_status="open"),
    changed("payment canceled", Kind.SESSION_BEHIND, _payment, intent_status="canceled"),
    changed("payment mode", Kind.SESSION_BEHIND, _payment, livemode=True),
    changed("payment currency", Kind.SESSION_BEHIND, _payment, currency="usd"),
    changed("payment charge", Kind.SESSION_BEHIND, _payment, charge_id="ch_wrong"),
    changed("payment amount", Kind.AHEAD_OF_STRIPE, _payment, amount_minor=9000),
    changed("payment id wrong", RELATION, _payment, stripe_id="pi_wrong"),
    changed("payment refunds requested", ORDER, _payment, needs="refunded", refund_asked_minor=0),
    changed("payment refunds not requested", ORDER, _payment, refund_asked_minor=2000),
    changed("payment fraud warning lost", Kind.FRAUD_WARNING_UNKNOWN, _payment, needs="warned", fraud_warning_id=""),
    damaged("payment deleted", Kind.SESSION_BEHIND, _delete_payment, needs="refunded"),
    changed("refund payment wrong", RELATION, _refund, needs="refunded paid", payment=_payment("paid")),
    changed("refund status behind", Kind.REFUND_DIFFERS, _refund, needs="refunded", status="pending"),
    changed("refund status ahead", Kind.REFUND_DIFFERS, _refund, needs="refunded", status="failed"),
    changed("refund amount", Kind.REFUND_DIFFERS, _refund, needs="refunded", amount_minor=2000),
    changed(
        "refund balance transaction lost", Kind.REFUND_DIFFERS, _refund, needs="refunded", balance_transaction_id=""
    ),
    changed(
        "refund balance transaction wrong",
        Kind.REFUND_DIFFERS,
        _refund,
        needs="refunded",
        balance_transaction_id="txn_wrong",
    ),
    changed("refund currency", Kind.REFUND_DIFFERS, _refund, needs="refunded", currency="usd"),
    changed("refund id wrong", RELATION, _refund, needs="refunded", stripe_id="re_wrong"),
    deleted("refund deleted", Kind.REFUND_DIFFERS, _refund, needs="refunded"),
    changed("dispute payment wrong", RELATION, _dispute, needs="disputed paid", payment=_payment("paid")),
    changed("dispute status", Kind.DISPUTE_DIFFERS, _dispute, needs="disputed", status="lost"),
    changed("dispute amount", Kind.DISPUTE_DIFFERS, _dispute, needs="disputed", amount_minor=1),
    deleted("dispute deleted", Kind.DISPUTE_UNKNOWN, _dispute, needs="disputed"),
    changed("subscription status", Kind.SUBSCRIPTION_DIFFERS, _subscription, needs="subscribed", status="canceled"),
    changed("subscription order wrong", RELATION, _subscription, needs="subscribed paid", order=_order("paid")),
    changed(
        "subscription customer", Kind.SUBSCRIPTION_DIFFERS, _subscription, needs="subscribed", customer_id="cus_wrong"
    ),
    deleted("subscription deleted", Kind.SUBSCRIPTION_DIFFERS, _subscription, needs="subscribed"),
    damaged(
        "customer of another user",
        RELATION,
        lambda w: Customer.objects.update(user=w.user),
        outcome=LISTED,
        needs="subscribed",
    ),
    damaged(
        "customer deleted", RELATION, lambda w: Customer.objects.all().delete(), outcome=LISTED, needs="subscribed"
    ),
    deleted("announcement deleted", ORDER, _announced("order_paid"), signals="order_paid"),
    deleted(
        "announcement of a refund deleted",
        ORDER,
        _announced("order_refunded"),
        needs="refunded",
        signals="order_refunded",
    ),
    deleted(
        "announcement of an expiry deleted",
        ORDER,
        _announced("session_expired"),
        needs="expired",
        signals="session_expired",
    ),
    deleted(
        "announcement of a cancellation deleted",
        ORDER,
        _announced("order_canceled"),
        needs="canceled",
        signals="order_canceled",
    ),
    deleted(
        "announcement of an end deleted",
        ORDER,
        _announced("subscription_canceled"),
        needs="ended",
        signals="subscription_canceled",
    ),
    changed(
        "announcement pending though announced", ORDER, _announced("order_paid"), state="pending", next_attempt_at=Now()
    ),
    changed("announcement superseded though announced", ORDER, _announced("order_paid"), state="superseded"),
    changed(
        "announcement announced though pending",
        ORDER,
        _announced("order_paid"),
        signals="order_paid",
        announced_at=None,
    ),
    damaged(
        "announcement of what was never paid",
        ORDER,
        lambda w: Announcement.objects.create(
            order=_order("opened").get(), signal="order_paid", fact="opened", state="announced", announced_at=Now()
        ),
        outcome=LISTED,
        needs="opened",
    ),
    deleted("attention deleted", ORDER, _attention, needs="disputed"),
    deleted("attention of a failed refund deleted", ORDER, _attention, needs="failed"),
    damaged(
        "attention and its announcement deleted",
        ORDER,
        lambda w: (
            _attention("warned").delete(),
            _announced("attention_needed")("warned").delete(),
            _order("warned").update(needs_attention=False),
        ),
        signals="attention_needed",
        needs="warned",
    ),
    damaged("order deleted", Kind.SESSION_WITHOUT_ORDER, _delete_order, outcome=LISTED),
]


def _rows():
    """Return every row by its identity, without the columns that may change although nothing is wrong."""
    found = {}
    for model, key in _KEYS.items():
        ids = {other: dict(other.objects.values_list("pk", keys[0])) for other, keys in _KEYS.items()}
        for row in model.objects.all():
            named = model.objects.filter(pk=row.pk).values_list(*key).get()
            columns = {}
            for column in model._meta.concrete_fields:
                value = getattr(row, column.attname)
                related = ids.get(column.related_model)
                columns[column.attname] = related.get(value) if related else value
            found[model.__name__, *named] = {name: columns[name] for name in columns if name not in _VOLATILE}
    return found


def _changes(before, after):
    """Return where rows differ."""
    found = [(name, after.get(name)) for name in set(before) ^ set(after)]
    for name in set(before) & set(after):
        found += [(name, key, was, after[name][key]) for key, was in before[name].items() if after[name][key] != was]
    return found


def _money(emulator):
    """Return what Stripe has charged and refunded."""
    kinds = ("checkout.session", "payment_intent", "refund", "subscription", "customer")
    return {kind: [(one["id"], one.get("status")) for one in emulator.latest(kind, 100)] for kind in kinds}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_rows_are_found_and_fixed_or_recorded_once(damage, recorder, shop):
    before, money = _rows(), _money(shop.emulator)
    recorder.clear()
    with database.atomic():
        damage.do(shop)

    dry = reconcile.run()
    assert damage.kind in {difference.kind for difference in dry.differences}
    assert {difference.outcome for difference in dry.differences} == {Outcome.FOUND}
    assert (recorder.names, Discrepancy.objects.count()) == ([], 0)

    fixed = reconcile.run(fix=True)
    assert damage.kind in {difference.kind for difference in fixed.differences}
    outcomes = {difference.outcome for difference in fixed.differences}
    second = reconcile.run(fix=True)
    assert second.is_clean

    if damage.outcome is Outcome.FIXED:
        assert outcomes == {Outcome.FIXED}
        assert second.differences == []
        assert _changes(before, _rows()) == []
    else:
        assert LISTED in outcomes
        assert {difference.outcome for difference in second.differences} <= {Outcome.KNOWN}
        assert Discrepancy.objects.exclude(suggestion="").count() == Discrepancy.objects.count() > 0
    assert " ".join(recorder.names) == damage.signals
    assert _money(shop.emulator) == money


def test_order_that_was_announced_as_paid_stays_paid(order, stripe_emulator):
    services.start(order)
    paid = {"status": "paid", "paid_minor": 2000, "paid_at": timezone.now()}
    with database.atomic():
        _order(order.reference).update(**paid)
        Announcement.objects.create(
            order=order, signal="order_paid", fact="lost", state="announced", announced_at=timezone.now()
        )

    fixed = reconcile.run(fix=True)

    assert (ORDER, LISTED) in {(difference.kind, difference.outcome) for difference in fixed.differences}
    assert _order(order.reference).values(*paid).get() == paid
