"""Random: histories with lost and repeated events, and a shop where anything can happen next."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from django_checkout import services, signals
from django_checkout.emulator.messages import ApiError
from django_checkout.exceptions import CheckoutError
from django_checkout.models import CheckoutSession, Order, Refund, WebhookEvent
from django_checkout.testing import emulated_stripe, post_event
from django_checkout.webhooks.pending_work import process_pending
from tests.properties import promises
from tests.properties.histories import DECLINED, HISTORIES, IBAN_FAILS, IBAN_SUCCEEDS, NOBODY_PAYS
from tests.properties.shop import Shop, rolled_back
from tests.signal_recorder import SignalRecorder

pytestmark = pytest.mark.django_db


@pytest.mark.slow
@given(data=st.data(), name=st.sampled_from(sorted(HISTORIES)))
def test_lost_events_are_read_and_repeated_events_are_announced_once(db, data, name):
    with rolled_back(), emulated_stripe() as emulator:
        history = HISTORIES[name]
        shop = Shop(emulator, price_minor=history.price_minor)
        history.play(shop)
        shop.reset_rows()
        expected = direct_reads(shop)
        posted = data.draw(st.lists(st.sampled_from(shop.events()), max_size=8))
        with SignalRecorder() as recorder:
            shop.post(*posted)
            services.sync(shop.order)
        end = shop.outcome()
        assert end == expected[end["kept"]]
        shop.assert_matches_stripe(end)
        promises.check(recorder.sent, end)


def direct_reads(shop):
    """Return the outcome of a direct read for each payment that the order may keep."""
    reads = [shop.direct_read(session) for session in shop.order.sessions.values_list("stripe_id", flat=True)]
    return {end["kept"]: end for end in [*reads, shop.direct_read()]}


class AnyShop(RuleBasedStateMachine):
    """One order, and actions of the shopper, staff, banks, the network, Stripe and the clock."""

    @initialize(manual=st.booleans())
    def open(self, manual):
        self.stack = ExitStack()
        self.stack.enter_context(rolled_back())
        self.emulator = self.stack.enter_context(emulated_stripe())
        self.shop = Shop(self.emulator)
        self.is_manual = manual
        if not manual:
            methods = {"payment_method_types": ["card", "sepa_debit", "multibanco"]}
            self.stack.enter_context(override_settings(CHECKOUT_SESSION_DEFAULTS=methods))
        if manual:
            self.stack.enter_context(self.shop.manual_capture())
        self.recorder = self.stack.enter_context(SignalRecorder())
        self.is_host_broken = False
        signals.order_paid.connect(self._host, sender=Order)
        signals.order_refunded.connect(self._host, sender=Order)
        self.stack.callback(signals.order_paid.disconnect, self._host, sender=Order)
        self.stack.callback(signals.order_refunded.disconnect, self._host, sender=Order)

    def _host(self, sender, **arguments):
        if self.is_host_broken:
            self.recorder.sent.pop()
            raise ValueError("the host is broken")

    def _try(self, act, *arguments):
        """Call what the app or Stripe may refuse; any other exception is a failure."""
        try:
            return act(*arguments)
        except (CheckoutError, ApiError):
            return None

    def _some(self, objects, position):
        return objects[position % len(objects)] if objects else None

    def _session(self, which):
        """Return a session whose link is known."""
        known = CheckoutSession.objects.exclude(stripe_id=None).order_by("pk")
        return self._some(list(known.values_list("stripe_id", flat=True)), which)

    # The shop

    @rule()
    def start(self):
        self._try(self.shop.start)

    @rule()
    def start_second(self):
        if Order.objects.get().status == "unpaid":
            self._try(self.shop.start_second)

    @rule()
    def cancel(self):
        self._try(services.cancel, self.shop.host_order)

    @rule()
    def pay_another_way(self):
        self._try(services.pay_another_way, self.shop.host_order)

    @rule(amount=st.sampled_from([None, 500, 1500]))
    def capture(self, amount):
        self._try(services.capture, self.shop.host_order, amount)

    @rule(amount=st.sampled_from([None, 300, 700]))
    def refund(self, amount):
        self._try(services.refund, self.shop.host_order, amount)

    @rule()
    def read(self):
        self._try(services.sync, self.shop.order)

    @rule()
    def process_pending(self):
        process_pending(now=timezone.now() + timedelta(hours=7))

    # The shopper, the dashboard and the banks

    @rule(which=st.integers(0, 3), card=st.sampled_from(["4242424242424242", DECLINED, "4000000000007726"]))
    def pay(self, which, card):
        if session := self._session(which):
            self._try(self.emulator.pay, session, card)

    @precondition(lambda self: not self.is_manual)
    @rule(which=st.integers(0, 3), iban=st.sampled_from([IBAN_SUCCEEDS, IBAN_FAILS]))
    def pay_later(self, which, iban):
        if session := self._session(which):
            self._try(lambda: self.emulator.pay(session, iban=iban))

    @precondition(lambda self: not self.is_manual)
    @rule(which=st.integers(0, 3))
    def get_voucher(self, which):
        if session := self._session(which):
            self._try(lambda: self.emulator.pay(session, method="multibanco", email=NOBODY_PAYS))

    @rule(which=st.integers(0, 3), succeed=st.booleans())
    def settle(self, which, succeed):
        if session := self._session(which):
            self._try(lambda: self.emulator.settle(session, succeed=succeed))

    @rule(which=st.integers(0, 3), amount=st.sampled_from([None, 400]))
    def refund_in_dashboard(self, which, amount):
        session = self._session(which)
        if session and self._captured(session) > (amount or 0):
            self._try(self.emulator.refund, self.shop.intent_of(session), amount)

    def _captured(self, session):
        intent = self.emulator.get(session)["payment_intent"]
        charge = self.emulator.get(intent)["latest_charge"] if intent else None
        found = self.emulator.get(charge) if charge else {"captured": False}
        return found["amount"] - found["amount_refunded"] if found["captured"] else 0

    @rule(which=st.integers(0, 3))
    def fail_refund(self, which):
        if refund := self._some(self.shop.refunds_at_stripe(), which):
            self._try(self.emulator.fail_refund, refund["id"])

    @rule(which=st.integers(0, 3))
    def dispute(self, which):
        session = self._session(which)
        if session and self._captured(session) > 0:
            self._try(self.emulator.open_dispute, self.shop.intent_of(session))

    @rule(status=st.sampled_from(["won", "lost"]))
    def close_dispute(self, status):
        for event in self.emulator.events("charge.dispute.created")[-1:]:
            self._try(self.emulator.close_dispute, event["data"]["object"]["id"], status)

    # The network and the clock

    @rule(hours=st.sampled_from([1, 25, 200]))
    def wait(self, hours):
        self.emulator.clock.advance(hours * 3600)

    @rule(seed=st.integers(0, 9), share=st.integers(1, 3))
    def deliver_some(self, seed, share):
        self.emulator.chaos.reorder("shuffle", seed=seed)
        for delivery in self.emulator.chaos.ordered(self.emulator.pending_deliveries())[::share]:
            self.emulator.acknowledge(delivery, post_event(delivery.body, delivery.signature).status_code)

    @rule(position=st.integers(0, 30))
    def deliver_again(self, position):
        if event := self._some(self.emulator.events(), position):
            post_event(event)

    @rule(position=st.integers(0, 30))
    def lose(self, position):
        if delivery := self._some(self.emulator.pending_deliveries(), position):
            self.emulator.acknowledge(delivery)

    @rule(status=st.sampled_from([409, 429, 500]), when=st.sampled_from(["before", "after"]))
    def fail_next(self, status, when):
        self.emulator.chaos.fail(status=status, when=when, match="POST *")

    @rule(when=st.sampled_from(["before", "after"]), count=st.integers(1, 2))
    def drop_next(self, when, count):
        self.emulator.chaos.drop(count, when=when)

    @rule()
    def break_or_fix_host(self):
        self.is_host_broken = not self.is_host_broken

    def teardown(self):
        """Assert that everything is right once the network and the host work again."""
        if not hasattr(self, "stack"):
            return
        try:
            self._settle()
            self._check()
        finally:
            self.stack.close()

    def _settle(self):
        self.emulator.chaos.reset()
        self.is_host_broken = False
        for delivery in self.emulator.pending_deliveries():
            assert post_event(delivery.body, delivery.signature).status_code == 200
        later = timezone.now() + timedelta(hours=7)
        for model in (CheckoutSession, Refund, WebhookEvent):
            model.objects.exclude(leased_until=None).update(leased_until=timezone.now())
        process_pending(now=later)
        for session in self.shop.order.sessions.exclude(stripe_id=None):
            services.sync(session)
        services.sync(self.shop.order)
        process_pending(now=later)

    def _check(self):
        end = self.shop.outcome()
        sent = list(self.recorder.sent)
        assert not WebhookEvent.objects.exclude(state__in=("processed", "ignored")).exists()
        live = [session for session, status, *_ in end["sessions"] if status == "open"]
        with rolled_back():
            self.shop.reset_rows()
            expected = direct_reads(self.shop)
        assert end["kept"] in expected
        assert end == expected[end["kept"]]
        promises.check(sent, end)
        self.shop.assert_matches_stripe(end)
        assert sum(amount for *_, amount in map(tuple, self._ours_at_stripe())) == self._ours_here()
        if end["kept"]:
            assert end["refunded_minor"] <= end["paid_minor"]
        assert len(live) <= len(self.shop.sessions_at_stripe())

    def _ours_at_stripe(self):
        return [
            (refund["id"], refund["amount"])
            for refund in self.shop.refunds_at_stripe()
            if "checkout_refund" in refund["metadata"]
        ]

    def _ours_here(self):
        rows = Refund.objects.filter(is_ours=True).exclude(stripe_id=None)
        return sum(row.amount_minor for row in rows)


def test_any_sequence_ends_in_stripes_state(db):
    run_state_machine_as_test(AnyShop)
