"""Rows damaged by hand: each damage is named, mended where that is safe, and costs nobody money or a second signal."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_checkout import database, reconcile, services
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
)
from django_checkout.reconcile import Kind, Outcome
from django_checkout.values import LineData, OrderData

pytestmark = [pytest.mark.django_db, pytest.mark.core]

#: What of a row may change although nothing is wrong.
_PASSING = {"id", "updated_at", "created_at", "synced_at", "raised_at", "paid_at", "canceled_at", "announced_at"}
_PASSING |= {"last_error", "attempts", "completed_at", "expired_at", "next_attempt_at"}
_PASSING |= {"request", "request_hash", "request_id", "url", "ended_at", "leased_until", "is_ours", "asked_by_id"}
#: By what a row is known, whatever becomes of it.
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
def world(damage, stripe_emulator, deliver_events):
    """A shop in which something has happened to each order that a damage needs, and every event has arrived."""
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
    assert reconcile.run().drift == []
    return SimpleNamespace(emulator=stripe_emulator, user=bob)


def _order(reference):
    return Order.objects.filter(reference=reference)


def _session(reference):
    return CheckoutSession.objects.filter(order__reference=reference)


def _payment(reference):
    return Payment.objects.filter(order__reference=reference)


def _refund(reference="refunded"):
    return Refund.objects.filter(payment__order__reference=reference)


def _dispute():
    return Dispute.objects.filter(payment__order__reference="disputed")


def _news(reference, signal):
    return Announcement.objects.filter(order__reference=reference, signal=signal)


def _subscription():
    return Subscription.objects.filter(order__reference="subscribed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What is done to the rows by hand, and what reconciliation makes of it."""

    name: str
    do: object
    kind: Kind
    outcome: Outcome = Outcome.MENDED
    #: What the host hears when it is mended: only what the damaged rows say it has never heard.
    heard: tuple[str, ...] = ()
    #: Which orders there are.
    needs: str = "paid"


def damaged(name, kind, do, **more):
    return pytest.param(Damage(name=name, kind=kind, do=do, **more), id=name.replace(" ", "_"))


ORDER, RELATION = Kind.ORDER_DIFFERS, Kind.RELATION_DIFFERS
LISTED = Outcome.LISTED


def _swap_kept(world):
    paid, other = _payment("paid").get(), _payment("other").get()
    _order("paid").update(kept_payment=None)
    _order("other").update(kept_payment=paid)
    assert other.pk


def _move_session_and_raise_captured(world):
    _session("paid").update(order=_order("opened").get())
    _payment("paid").update(captured_minor=9000)


def _delete_payment(world):
    _order("refunded").update(kept_payment=None)
    _session("refunded").update(payment=None)
    payment = _payment("refunded").get()
    payment.refunds.all().delete()
    payment.delete()


def _delete_order(world):
    _order("paid").update(kept_payment=None)
    _order("paid").delete()


def _take_slot(world):
    _session("opened").update(live_for=None)
    _session("paid").update(live_for=_order("opened").get())


DAMAGES = [
    damaged(
        "stale save of an unpaid order",
        ORDER,
        lambda w: _order("paid").update(
            status="unpaid", paid_minor=0, kept_payment=None, paid_at=None, total_minor=None
        ),
    ),
    damaged("order status", ORDER, lambda w: _order("paid").update(status="unpaid")),
    damaged(
        "order status of an unpaid one",
        ORDER,
        lambda w: _order("opened").update(status="paid", paid_minor=2000),
        needs="opened",
    ),
    damaged(
        "order status of a canceled one",
        ORDER,
        lambda w: _order("canceled").update(status="unpaid", canceled_at=None),
        needs="canceled",
    ),
    damaged("order paid amount", ORDER, lambda w: _order("paid").update(paid_minor=1)),
    damaged("order refunded amount", ORDER, lambda w: _order("refunded").update(refunded_minor=0), needs="refunded"),
    damaged("order total", ORDER, lambda w: _order("paid").update(total_minor=1, tax_minor=5)),
    damaged("order kept payment lost", ORDER, lambda w: _order("paid").update(kept_payment=None)),
    damaged("order kept payment of another order", ORDER, _swap_kept, needs="paid other"),
    damaged("order kept payment of a later order", ORDER, _swap_kept, needs="other paid"),
    damaged("order paid instant", ORDER, lambda w: _order("paid").update(paid_at=None)),
    damaged(
        "order paid instant of an unpaid one",
        ORDER,
        lambda w: _order("opened").update(paid_at=timezone.now()),
        needs="opened",
    ),
    damaged("order disputed lost", ORDER, lambda w: _order("disputed").update(disputed=False), needs="disputed"),
    damaged("order disputed wrongly", ORDER, lambda w: _order("paid").update(disputed=True)),
    damaged(
        "order attention lost", ORDER, lambda w: _order("disputed").update(needs_attention=False), needs="disputed"
    ),
    damaged("order attention wrongly", ORDER, lambda w: _order("paid").update(needs_attention=True)),
    damaged("order mode", ORDER, lambda w: _order("paid").update(livemode=True)),
    damaged("session status behind", Kind.STALE_OPEN, lambda w: _session("paid").update(status="open")),
    damaged(
        "session expired but open",
        Kind.AHEAD_OF_STRIPE,
        lambda w: _session("opened").update(status="expired", live_for=None),
        needs="opened",
    ),
    damaged(
        "session complete but open",
        Kind.AHEAD_OF_STRIPE,
        lambda w: _session("opened").update(status="complete", live_for=None),
        needs="opened",
    ),
    damaged(
        "session open but expired",
        Kind.STALE_OPEN,
        lambda w: _session("expired").update(status="open", live_for=_order("expired").get()),
        needs="expired",
    ),
    damaged(
        "session payment status",
        Kind.SESSION_BEHIND,
        lambda w: _session("paid").update(payment_status="no_payment_required"),
    ),
    damaged("session id lost", Kind.PAID_NOT_RECORDED, lambda w: _session("paid").update(stripe_id=None)),
    damaged("session id wrong", RELATION, lambda w: _session("paid").update(stripe_id="cs_test_wrong")),
    damaged("session payment lost", Kind.SESSION_BEHIND, lambda w: _session("paid").update(payment=None)),
    damaged(
        "session payment wrong",
        RELATION,
        lambda w: _session("paid").update(payment=_payment("other").get()),
        needs="paid other",
    ),
    damaged(
        "session order wrong",
        RELATION,
        lambda w: _session("paid").update(order=_order("opened").get()),
        needs="paid opened",
    ),
    damaged(
        "session order wrong and payment captured more",
        RELATION,
        _move_session_and_raise_captured,
        outcome=LISTED,
        needs="paid opened",
    ),
    damaged("session slot lost", ORDER, lambda w: _session("opened").update(live_for=None), needs="opened"),
    damaged(
        "session slot of an ended session", ORDER, lambda w: _session("paid").update(live_for=_order("paid").get())
    ),
    damaged("session slot of another order", ORDER, _take_slot, needs="paid opened"),
    damaged("session total", Kind.AMOUNT_DIFFERS, lambda w: _session("paid").update(amount_total_minor=1)),
    damaged("session subtotal", Kind.AMOUNT_DIFFERS, lambda w: _session("paid").update(amount_subtotal_minor=1)),
    damaged("session tax", Kind.AMOUNT_DIFFERS, lambda w: _session("paid").update(amount_tax_minor=7)),
    damaged("session currency", Kind.AMOUNT_DIFFERS, lambda w: _session("paid").update(currency="usd")),
    damaged(
        "session subscription",
        Kind.SUBSCRIPTION_DIFFERS,
        lambda w: _session("subscribed").update(subscription_id=""),
        needs="subscribed",
    ),
    damaged(
        "session customer",
        Kind.SESSION_BEHIND,
        lambda w: _session("subscribed").update(customer_id="cus_wrong"),
        needs="subscribed",
    ),
    damaged("session deleted", Kind.SESSION_WITHOUT_ORDER, lambda w: _session("paid").delete()),
    damaged("open session deleted", Kind.SESSION_WITHOUT_ORDER, lambda w: _session("opened").delete(), needs="opened"),
    damaged("payment order lost", RELATION, lambda w: _payment("paid").update(order=None)),
    damaged(
        "payment order wrong",
        RELATION,
        lambda w: _payment("paid").update(order=_order("opened").get()),
        needs="paid opened",
    ),
    damaged("payment captured less", Kind.SESSION_BEHIND, lambda w: _payment("paid").update(captured_minor=0)),
    damaged("payment captured in part", Kind.SESSION_BEHIND, lambda w: _payment("paid").update(captured_minor=1)),
    damaged(
        "payment captured more",
        Kind.AMOUNT_DIFFERS,
        lambda w: _payment("paid").update(captured_minor=9000),
        outcome=LISTED,
    ),
    damaged("payment status behind", Kind.SESSION_BEHIND, lambda w: _payment("paid").update(intent_status="open")),
    damaged("payment canceled", Kind.SESSION_BEHIND, lambda w: _payment("paid").update(intent_status="canceled")),
    damaged("payment mode", Kind.SESSION_BEHIND, lambda w: _payment("paid").update(livemode=True)),
    damaged("payment currency", Kind.SESSION_BEHIND, lambda w: _payment("paid").update(currency="usd")),
    damaged("payment charge", Kind.SESSION_BEHIND, lambda w: _payment("paid").update(charge_id="ch_wrong")),
    damaged("payment amount", Kind.AHEAD_OF_STRIPE, lambda w: _payment("paid").update(amount_minor=9000)),
    damaged("payment id wrong", RELATION, lambda w: _payment("paid").update(stripe_id="pi_wrong")),
    damaged(
        "payment refunds asked for",
        ORDER,
        lambda w: _payment("refunded").update(refund_asked_minor=0),
        needs="refunded",
    ),
    damaged("payment refunds not asked for", ORDER, lambda w: _payment("paid").update(refund_asked_minor=2000)),
    damaged(
        "payment fraud warning lost",
        Kind.FRAUD_WARNING_UNKNOWN,
        lambda w: _payment("warned").update(fraud_warning_id=""),
        needs="warned",
    ),
    damaged("payment deleted", Kind.SESSION_BEHIND, _delete_payment, needs="refunded"),
    damaged(
        "refund payment wrong",
        RELATION,
        lambda w: _refund().update(payment=_payment("paid").get()),
        needs="paid refunded",
    ),
    damaged(
        "refund status behind", Kind.REFUND_DIFFERS, lambda w: _refund().update(status="pending"), needs="refunded"
    ),
    damaged(
        "refund status ahead",
        Kind.REFUND_DIFFERS,
        lambda w: _refund().update(status="failed"),
        outcome=Outcome.MENDED,
        needs="refunded",
    ),
    damaged("refund amount", Kind.REFUND_DIFFERS, lambda w: _refund().update(amount_minor=2000), needs="refunded"),
    damaged(
        "refund balance transaction lost",
        Kind.REFUND_DIFFERS,
        lambda w: _refund().update(balance_transaction_id=""),
        needs="refunded",
    ),
    damaged(
        "refund balance transaction wrong",
        Kind.REFUND_DIFFERS,
        lambda w: _refund().update(balance_transaction_id="txn_wrong"),
        needs="refunded",
    ),
    damaged("refund currency", Kind.REFUND_DIFFERS, lambda w: _refund().update(currency="usd"), needs="refunded"),
    damaged("refund id wrong", RELATION, lambda w: _refund().update(stripe_id="re_wrong"), needs="refunded"),
    damaged("refund deleted", Kind.REFUND_DIFFERS, lambda w: _refund().delete(), needs="refunded"),
    damaged(
        "dispute payment wrong",
        RELATION,
        lambda w: _dispute().update(payment=_payment("paid").get()),
        needs="paid disputed",
    ),
    damaged("dispute status", Kind.DISPUTE_DIFFERS, lambda w: _dispute().update(status="lost"), needs="disputed"),
    damaged("dispute amount", Kind.DISPUTE_DIFFERS, lambda w: _dispute().update(amount_minor=1), needs="disputed"),
    damaged("dispute deleted", Kind.DISPUTE_UNKNOWN, lambda w: _dispute().delete(), needs="disputed"),
    damaged(
        "subscription status",
        Kind.SUBSCRIPTION_DIFFERS,
        lambda w: _subscription().update(status="canceled"),
        needs="subscribed",
    ),
    damaged(
        "subscription order wrong",
        RELATION,
        lambda w: _subscription().update(order=_order("paid").get()),
        needs="paid subscribed",
    ),
    damaged(
        "subscription customer",
        Kind.SUBSCRIPTION_DIFFERS,
        lambda w: _subscription().update(customer_id="cus_wrong"),
        needs="subscribed",
    ),
    damaged("subscription deleted", Kind.SUBSCRIPTION_DIFFERS, lambda w: _subscription().delete(), needs="subscribed"),
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
    damaged("announcement deleted", ORDER, lambda w: _news("paid", "order_paid").delete(), heard=("order_paid",)),
    damaged(
        "announcement of a refund deleted",
        ORDER,
        lambda w: _news("refunded", "order_refunded").delete(),
        heard=("order_refunded",),
        needs="refunded",
    ),
    damaged(
        "announcement of an expiry deleted",
        ORDER,
        lambda w: _news("expired", "session_expired").delete(),
        heard=("session_expired",),
        needs="expired",
    ),
    damaged(
        "announcement of a cancellation deleted",
        ORDER,
        lambda w: _news("canceled", "order_canceled").delete(),
        heard=("order_canceled",),
        needs="canceled",
    ),
    damaged(
        "announcement of an end deleted",
        ORDER,
        lambda w: _news("ended", "subscription_canceled").delete(),
        heard=("subscription_canceled",),
        needs="ended",
    ),
    damaged(
        "announcement pending though announced",
        ORDER,
        lambda w: _news("paid", "order_paid").update(state="pending", next_attempt_at=timezone.now()),
    ),
    damaged(
        "announcement superseded though announced",
        ORDER,
        lambda w: _news("paid", "order_paid").update(state="superseded"),
    ),
    damaged(
        "announcement announced though pending",
        ORDER,
        lambda w: _news("paid", "order_paid").update(announced_at=None),
        heard=("order_paid",),
    ),
    damaged(
        "announcement of what was never paid",
        ORDER,
        lambda w: Announcement.objects.create(
            order=_order("opened").get(),
            signal="order_paid",
            fact="opened",
            state="announced",
            announced_at=timezone.now(),
        ),
        outcome=LISTED,
        needs="opened",
    ),
    damaged(
        "attention deleted",
        ORDER,
        lambda w: AttentionItem.objects.filter(order__reference="disputed").delete(),
        needs="disputed",
    ),
    damaged(
        "attention of a failed refund deleted",
        ORDER,
        lambda w: AttentionItem.objects.filter(order__reference="failed").delete(),
        needs="failed",
    ),
    damaged(
        "attention and its announcement deleted",
        ORDER,
        lambda w: (
            AttentionItem.objects.filter(order__reference="warned").delete(),
            _news("warned", "attention_needed").delete(),
            _order("warned").update(needs_attention=False),
        ),
        heard=("attention_needed",),
        needs="warned",
    ),
    damaged("order deleted", Kind.SESSION_WITHOUT_ORDER, _delete_order, outcome=LISTED),
]


def _rows():
    """Return every row, named by what stays of it, without what may change though nothing is wrong."""
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
            found[model.__name__, *named] = {name: columns[name] for name in columns if name not in _PASSING}
    return found


def _changes(before, after):
    """Return what rows are and were, where that differs."""
    found = [(name, after.get(name)) for name in set(before) ^ set(after)]
    for name in set(before) & set(after):
        found += [(name, key, was, after[name][key]) for key, was in before[name].items() if after[name][key] != was]
    return found


def _money(emulator):
    """Return what Stripe has: who was charged and who was given back what."""
    kinds = ("checkout.session", "payment_intent", "refund", "subscription", "customer")
    return {kind: [(one["id"], one.get("status")) for one in emulator.latest(kind, 100)] for kind in kinds}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_rows_are_found_and_mended_or_listed_once(damage, heard, world):
    before, money = _rows(), _money(world.emulator)
    heard.clear()
    with database.atomic():
        damage.do(world)

    dry = reconcile.run()
    assert damage.kind in {drift.kind for drift in dry.drift}
    assert {drift.outcome for drift in dry.drift} == {Outcome.FOUND}
    assert (list(heard), Discrepancy.objects.count()) == ([], 0)

    fixed = reconcile.run(fix=True)
    assert damage.kind in {drift.kind for drift in fixed.drift}
    outcomes = {drift.outcome for drift in fixed.drift}
    second = reconcile.run(fix=True)
    assert second.is_clean

    if damage.outcome is Outcome.MENDED:
        assert outcomes == {Outcome.MENDED}
        assert second.drift == []
        assert _changes(before, _rows()) == []
    else:
        assert LISTED in outcomes
        assert {drift.outcome for drift in second.drift} <= {Outcome.KNOWN}
        assert Discrepancy.objects.exclude(suggestion="").count() == Discrepancy.objects.count() > 0
    assert tuple(heard) == damage.heard
    assert _money(world.emulator) == money


def test_what_was_announced_as_paid_is_not_taken_back(order, stripe_emulator):
    services.start(order)
    paid = {"status": "paid", "paid_minor": 2000, "paid_at": timezone.now()}
    with database.atomic():
        _order(order.reference).update(**paid)
        Announcement.objects.create(
            order=order, signal="order_paid", fact="lost", state="announced", announced_at=timezone.now()
        )

    fixed = reconcile.run(fix=True)

    assert (ORDER, LISTED) in {(drift.kind, drift.outcome) for drift in fixed.drift}
    assert _order(order.reference).values(*paid).get() == paid
