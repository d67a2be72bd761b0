"""Credit notes after refunds of payments that have an invoice: one for each refund, whatever happens in between."""

from __future__ import annotations

from datetime import timedelta

import pytest
import stripe
from asgiref.sync import async_to_sync
from django.urls import reverse
from django.utils import timezone

from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.exceptions import (
    PaymentInFlightError,
    RefundError,
    StripeRefusedError,
    StripeUnavailableError,
)
from django_checkout.models import Order, Refund
from django_checkout.operations import remaining
from django_checkout.stripe_api.client import get_client
from django_checkout.stripe_api.transport import http_session
from django_checkout.values import CheckoutOptions
from django_checkout.webhooks import pending_work
from tests.races.together import run_before
from tests.return_states import World, remember, return_url

pytestmark = [pytest.mark.django_db, pytest.mark.core]

CREATE = "POST /v1/credit_notes*"
INVOICED = CheckoutOptions(create_invoice=True)


@pytest.fixture(autouse=True)
def credit_notes_are_wanted(settings):
    settings.CHECKOUT_CREDIT_NOTES = True


@pytest.fixture
def world(stripe_emulator):
    return World(stripe_emulator)


def _paid(world, options=INVOICED):
    order, session = world.start(options=options)
    world.pay(session)
    return Order.objects.get(pk=order.pk)


@pytest.fixture
def invoiced(world):
    return _paid(world)


def _notes(emulator):
    return emulator.store.select("credit_note")


def _process(*, after_seconds=0):
    return pending_work.process_pending(now=timezone.now() + timedelta(seconds=after_seconds))


def test_a_refund_of_ours_gets_a_credit_note_that_names_it(invoiced, stripe_emulator):
    refund = services.refund(invoiced, 1000)
    assert _notes(stripe_emulator) == []

    assert _process()["credit_notes"] == 1

    (note,) = _notes(stripe_emulator)
    refund.refresh_from_db()
    assert (note["id"], note["invoice"]) == (refund.credit_note_id, invoiced.sessions.get().invoice_id)
    assert note["refunds"] == [{"amount_refunded": 1000, "refund": refund.stripe_id, "type": "refund"}]
    assert note["metadata"] == {"order_id": invoiced.reference, "checkout_refund": str(refund.uuid)}
    assert [row["amount"] for row in stripe_emulator.store.select("refund")] == [1000]
    assert "credit_notes" not in {key for key, count in _process(after_seconds=3600).items() if count}


def test_a_refund_made_in_the_dashboard_gets_a_credit_note(invoiced, world, stripe_emulator):
    stripe_emulator.refund(invoiced.kept_payment.stripe_id, 700)
    world.deliver()
    assert _notes(stripe_emulator) == []

    _process()

    assert [note["amount"] for note in _notes(stripe_emulator)] == [700]


def test_every_refund_gets_its_own_credit_note(invoiced, stripe_emulator):
    services.refund(invoiced, 1000)
    _process()
    services.refund(invoiced)
    _process()

    assert sorted(note["amount"] for note in _notes(stripe_emulator)) == [1000, 3800]
    assert Refund.objects.exclude(credit_note_id="").values("credit_note_id").distinct().count() == 2


def test_no_credit_note_is_issued_unless_the_setting_says_so(invoiced, stripe_emulator, settings):
    settings.CHECKOUT_CREDIT_NOTES = False
    services.refund(invoiced, 1000)
    settings.CHECKOUT_CREDIT_NOTES = True

    _process()

    # What was refunded before it was turned on stays as it is.
    assert _notes(stripe_emulator) == []


def test_a_payment_without_an_invoice_gets_none(world, stripe_emulator, stripe_requests):
    order = _paid(world, options=None)
    refund = services.refund(order, 1000)
    stripe_requests.clear()

    _process()

    refund.refresh_from_db()
    assert (refund.credit_note_due_at, refund.credit_note_error) == (None, "")
    assert not [request for request in stripe_requests if "credit_notes" in str(request)]
    with pytest.raises(RefundError, match="no invoice"):
        services.create_credit_note(refund)


def test_a_credit_note_that_the_dashboard_issued_with_the_refund_is_kept(invoiced, world, stripe_emulator):
    invoice = invoiced.sessions.get().invoice_id
    made = get_client().v1.credit_notes.create({"invoice": invoice, "amount": 900, "refund_amount": 900})
    world.deliver()

    _process()

    assert [note["id"] for note in _notes(stripe_emulator)] == [made.id]
    assert Refund.objects.get().credit_note_id == made.id


def test_an_unanswered_credit_note_is_found_and_not_issued_again(invoiced, stripe_emulator):
    refund = services.refund(invoiced, 1000)
    # The first answer is lost, and the library's second request.
    stripe_emulator.chaos.drop(1, match=CREATE)
    stripe_emulator.chaos.drop(1, when="before", match=CREATE)

    report = _process()

    refund.refresh_from_db()
    assert (report["credit_notes_unanswered"], refund.credit_note_id) == (1, "")
    assert refund.credit_note_error
    # Stripe has forgotten the idempotency key.
    stripe_emulator.clock.advance(40 * 24 * 3600)
    _process(after_seconds=3600)
    refund.refresh_from_db()
    assert [note["id"] for note in _notes(stripe_emulator)] == [refund.credit_note_id]
    assert (refund.credit_note_error, refund.credit_note_due_at) == ("", None)


def test_a_process_that_is_killed_before_it_stores_the_credit_note_issues_no_second(invoiced, stripe_emulator):
    refund = services.refund(invoiced, 1000)

    def kill():
        raise KeyboardInterrupt

    with run_before("django_checkout.ledger.note_credit_note", kill), pytest.raises(KeyboardInterrupt):
        _process()
    refund.refresh_from_db()
    assert (len(_notes(stripe_emulator)), refund.credit_note_id) == (1, "")

    _process()
    assert Refund.objects.get().credit_note_id == ""
    _process(after_seconds=3600)

    refund.refresh_from_db()
    assert [note["id"] for note in _notes(stripe_emulator)] == [refund.credit_note_id]


@pytest.mark.parametrize(
    "moment",
    ["django_checkout.services.credit_notes.check_site", "django_checkout.stripe_api.credit_notes.create_credit_note"],
)
def test_two_workers_issue_one_credit_note(invoiced, stripe_emulator, stripe_requests, moment):
    services.refund(invoiced, 1000)
    stripe_requests.clear()

    with run_before(moment, _process):
        _process()

    assert len(_notes(stripe_emulator)) == 1
    assert len([one for one in stripe_requests if "POST" in str(one) and "credit_notes" in str(one)]) == 1


def test_two_calls_share_the_idempotency_key(invoiced, stripe_emulator):
    """Even when a lease has ended while its process still waits for Stripe."""
    refund = services.refund(invoiced, 1000)

    def other():
        Refund.objects.update(credit_note_due_at=timezone.now())
        services.create_credit_note(Refund.objects.get())

    with run_before("django_checkout.stripe_api.credit_notes.create_credit_note", other):
        services.create_credit_note(_due_now(refund))

    assert len(_notes(stripe_emulator)) == 1


def _due_now(refund):
    Refund.objects.update(credit_note_due_at=timezone.now())
    refund.refresh_from_db()
    return refund


def test_a_refusal_is_recorded_and_not_repeated(invoiced, stripe_emulator, admin_client):
    # The merchant has credited all of the invoice already, and named no refund.
    invoice = invoiced.sessions.get().invoice_id
    get_client().v1.credit_notes.create({"invoice": invoice, "amount": 4800, "out_of_band_amount": 4800})
    refund = services.refund(invoiced, 1000)

    assert _process()["credit_notes_failed"] == 1
    assert _process(after_seconds=86400)["credit_notes"] == 0

    refund.refresh_from_db()
    assert (refund.credit_note_id, refund.credit_note_due_at) == ("", None)
    assert "400" in refund.credit_note_error
    page = admin_client.get(reverse("admin:django_checkout_order_change", args=[invoiced.pk])).text
    assert "Stripe responded with 400" in page
    with pytest.raises(StripeRefusedError):
        services.create_credit_note(refund)


def test_a_missing_permission_is_tried_again(invoiced, stripe_emulator):
    services.refund(invoiced, 1000)
    stripe_emulator.incidents.restrict_keys(CREATE)
    assert _process()["credit_notes_failed"] == 1
    refund = Refund.objects.get()
    assert refund.credit_note_due_at is not None
    assert "permission" in refund.credit_note_error

    stripe_emulator.incidents.end()
    _process(after_seconds=3600)

    assert len(_notes(stripe_emulator)) == 1


def test_a_refund_that_has_not_succeeded_is_not_credited(world, stripe_emulator):
    order, session = world.start(options=INVOICED)
    world.pay(session, card="4000000000007726")
    refund = services.refund(order, 1000)
    assert refund.status == "pending"
    with pytest.raises(RefundError, match="only one that has succeeded"):
        services.create_credit_note(refund)
    assert _process()["credit_notes"] == 0

    stripe_emulator.clock.advance(30 * 24 * 3600)
    world.deliver()

    assert _process()["credit_notes"] == 1
    assert len(_notes(stripe_emulator)) == 1


def test_a_refund_that_fails_before_its_credit_note_gets_none(world, stripe_emulator):
    order, session = world.start(options=INVOICED)
    world.pay(session, card="4000000000005126")
    services.refund(order, 1000)
    stripe_emulator.clock.advance(30 * 24 * 3600)
    world.deliver()

    _process(after_seconds=3600)

    assert (Refund.objects.get().status, _notes(stripe_emulator)) == ("failed", [])


def test_a_refund_that_fails_later_needs_attention_because_stripe_voids_no_credit_note_of_a_paid_invoice(
    world, stripe_emulator, admin_client
):
    order, session = world.start(options=INVOICED)
    world.pay(session, card="4000000000005126")
    services.refund(order, 1000)
    _process()
    stripe_emulator.clock.advance(30 * 24 * 3600)
    world.deliver()

    refund = Refund.objects.get()
    with pytest.raises(stripe.InvalidRequestError, match="only void"):
        get_client().v1.credit_notes.void_credit_note(refund.credit_note_id)
    assert list(order.attention.filter(resolved_at=None).values_list("code", flat=True)) == ["refund_failed"]
    page = admin_client.get(reverse("admin:django_checkout_order_change", args=[order.pk])).text
    assert refund.credit_note_id in page
    # The shopper sees no credit note for money that did not arrive.
    assert "credit_note" not in services.find_documents(order)


def test_while_one_call_requests_it_another_is_told_to_wait(invoiced):
    refund = services.refund(invoiced, 1000)
    Refund.objects.update(credit_note_due_at=timezone.now() + timedelta(seconds=60))

    with pytest.raises(PaymentInFlightError):
        services.create_credit_note(refund)


def test_the_service_returns_a_credit_note_that_exists(invoiced, stripe_emulator):
    refund = services.create_credit_note(services.refund(invoiced, 1000))

    assert services.create_credit_note(refund).credit_note_id == refund.credit_note_id
    assert len(_notes(stripe_emulator)) == 1


def test_the_shopper_opens_the_credit_note_and_a_bare_link_does_not(client, invoiced):
    services.create_credit_note(services.refund(invoiced, 1000))
    url = reverse("django_checkout:document", args=[make_token(invoiced.pk, Purpose.PAY), "credit_note"])
    bare = reverse("django_checkout:document", args=[make_token(invoiced.pk, Purpose.STATUS), "credit_note"])

    assert client.get(bare).status_code == 404
    response = client.get(url)

    answer = http_session().get(response.url)
    assert (response.status_code, answer.headers["Content-Type"]) == (303, "application/pdf")


def test_the_return_page_links_to_the_credit_note(client, invoiced):
    services.create_credit_note(services.refund(invoiced, 1000))
    remember(client, invoiced)

    page = client.get(return_url(invoiced, invoiced.sessions.get()))

    (link,) = [one["url"] for one in page.context["documents"] if one["kind"] == "credit_note"]
    assert link in page.text
    assert "Credit note" in page.text


def test_staff_issue_credit_notes_of_earlier_refunds(admin_client, invoiced, settings, stripe_emulator):
    settings.CHECKOUT_CREDIT_NOTES = False
    services.refund(invoiced, 1000)
    page = admin_client.get(reverse("admin:django_checkout_order_change", args=[invoiced.pk])).text
    assert "Issue credit notes" in page

    url = reverse("admin:django_checkout_order_operate", args=[invoiced.pk, "credit"])
    response = admin_client.post(url, follow=True)

    (note,) = _notes(stripe_emulator)
    assert note["id"] in response.text
    assert "Issue credit notes" not in response.text
    refund = Refund.objects.get()
    shown = admin_client.get(reverse("admin:django_checkout_refund_change", args=[refund.pk])).text
    assert note["id"] in shown


def test_what_is_left_is_listed(invoiced, stripe_emulator):
    services.refund(invoiced, 1000)
    assert [(row.kind, row.has_failed) for row in remaining.find() if row.kind == "credit notes"] == [
        ("credit notes", False)
    ]
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)
    _process()
    assert [(row.kind, row.has_failed) for row in remaining.find() if row.kind == "credit notes"] == [
        ("credit notes", True)
    ]


async def _acreate(refund):
    return await services.acreate_credit_note(refund)


def test_a_coroutine_issues_a_credit_note(invoiced, stripe_emulator):
    pytest.importorskip("httpx")
    refund = services.refund(invoiced, 1000)

    assert async_to_sync(_acreate)(refund).credit_note_id == _notes(stripe_emulator)[0]["id"]


def test_an_outage_is_reported_as_such(invoiced, stripe_emulator):
    refund = services.refund(invoiced, 1000)
    stripe_emulator.chaos.drop(2, when="before", match=CREATE)

    with pytest.raises(StripeUnavailableError):
        services.create_credit_note(refund)
