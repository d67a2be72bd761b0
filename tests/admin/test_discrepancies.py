from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from django_checkout import reconcile
from django_checkout.admin.display import DASH
from django_checkout.admin.kinds import KINDS, explanation, kind_label
from example_project.shop.html import parse
from tests.admin.factories import DiscrepancyFactory, OrderFactory
from tests.admin.test_operations import do, url
from tests.amounts import money

pytestmark = pytest.mark.django_db

LIST = "admin:django_checkout_discrepancy_changelist"


def subjects(client, **query):
    return {row.subject for row in client.get(reverse(LIST), query).context["cl"].result_list}


def choose(client, action, rows, note="seen"):
    values = {"action": action, "_selected_action": [row.pk for row in rows], "note": note}
    response = client.post(reverse(LIST), values)
    assert response.status_code == 303
    return response


def test_every_kind_that_reconciliation_knows_is_explained():
    assert {str(kind) for kind in reconcile.Kind} <= set(KINDS)


def test_a_kind_of_a_later_version_is_shown_too():
    assert kind_label("moon_differs") == "Moon differs"
    assert "both sides" in explanation("moon_differs")


def test_the_list_shows_what_is_open_unless_asked(viewer):
    DiscrepancyFactory(subject="a")
    DiscrepancyFactory(subject="b", state="resolved")
    DiscrepancyFactory(subject="c", state="ignored", kind="refund_differs")
    assert subjects(viewer) == {"a"}
    assert subjects(viewer, state="ignored") == {"c"}
    assert subjects(viewer, state="all") == {"a", "b", "c"}
    assert subjects(viewer, state="all", kind="refund_differs") == {"c"}


def test_a_page_explains_and_offers_what_can_be_done(operator):
    row = DiscrepancyFactory(suggestion="Sync it.")
    page = operator.get(url(row)).content.decode()
    assert "Sync the order before the customer asks" in page
    for name in ("sync", "resolve", "ignore"):
        assert url(row, name) in page
    assert url(row, "reopen") not in page


def test_a_viewer_has_no_buttons(viewer):
    row = DiscrepancyFactory()
    assert "/operate/" not in viewer.get(url(row)).content.decode()
    assert viewer.post(url(row, "resolve"), {"note": "x"}).status_code == 403
    row.refresh_from_db()
    assert row.state == "open"


@pytest.mark.parametrize("action", ["resolve_selected", "ignore_selected"])
def test_a_viewer_settles_nothing_from_the_list(action, viewer):
    row = DiscrepancyFactory()
    viewer.post(reverse(LIST), {"action": action, "_selected_action": [row.pk], "note": "x"})
    row.refresh_from_db()
    assert row.state == "open"


@pytest.mark.parametrize(("name", "state"), [("resolve", "resolved"), ("ignore", "ignored")])
def test_it_is_settled_with_a_note_by_somebody(name, state, operator):
    row = DiscrepancyFactory()
    do(operator, row, name, note="theirs")
    row.refresh_from_db()
    assert (row.state, row.note, row.resolved_by) == (state, "theirs", operator.user)
    assert row.resolved_at is not None
    assert "theirs" in LogEntry.objects.get(object_id=row.pk).get_change_message()


def test_a_note_is_required(operator):
    row = DiscrepancyFactory()
    response = operator.post(url(row, "ignore"), {"note": " "})
    assert response.status_code == 200
    row.refresh_from_db()
    assert (row.state, row.note) == ("open", "")


def test_what_somebody_else_settled_stays_as_it_is(operator):
    row = DiscrepancyFactory(state="ignored", note="first")
    assert do(operator, row, "resolve", note="second") == ["Resolve failed: somebody has settled it meanwhile."]
    row.refresh_from_db()
    assert (row.state, row.note) == ("ignored", "first")


def test_it_is_put_back_on_the_list(operator):
    row = DiscrepancyFactory(state="ignored", note="first", resolved_by=operator.user)
    do(operator, row, "reopen")
    row.refresh_from_db()
    assert (row.state, row.resolved_at, row.resolved_by) == ("open", None, None)


def test_what_somebody_else_put_back_is_not_put_back_again(operator):
    row = DiscrepancyFactory()
    assert do(operator, row, "reopen") == ["Put back on the list failed: somebody has put it back meanwhile."]


def test_its_order_is_synced(order, stripe_emulator, operator):
    row = DiscrepancyFactory(order=order)
    assert do(operator, row, "sync") == [f"Synced order {order} with Stripe: it is unpaid."]


def test_one_without_an_order_cannot_be_synced(operator):
    row = DiscrepancyFactory(order=None)
    assert url(row, "sync") not in operator.get(url(row)).content.decode()


def test_it_is_in_the_timeline_of_its_order_with_who_settled_it(operator):
    order = OrderFactory()
    row = DiscrepancyFactory(order=order)
    do(operator, row, "ignore", note="a test of ours")
    page = parse(operator.get(url(order)).content.decode())
    lines = [line.text for line in page.find("ol", id="checkout-timeline").find_all("li")]
    assert any("· difference · Paid, not recorded ·" in line for line in lines)
    assert any("· admin · operator · Ignored the difference" in line and "a test of ours" in line for line in lines)


def test_several_are_settled_at_once(operator):
    rows = [DiscrepancyFactory(), DiscrepancyFactory()]
    done = DiscrepancyFactory(state="ignored", note="before")
    choose(operator, "resolve_selected", [*rows, done], note="all paid by transfer")
    for row in rows:
        row.refresh_from_db()
        assert (row.state, row.note, row.resolved_by) == ("resolved", "all paid by transfer", operator.user)
    done.refresh_from_db()
    assert done.note == "before"
    assert LogEntry.objects.count() == 2


def test_several_are_not_settled_without_a_note(operator):
    row = DiscrepancyFactory()
    choose(operator, "ignore_selected", [row], note=" ")
    row.refresh_from_db()
    assert row.state == "open"


def test_both_sides_stand_side_by_side_in_words(viewer):
    here = {"payment_status": "unpaid", "total": None, "other": [1]}
    row = DiscrepancyFactory(here=here, at_stripe={"payment_status": "paid", "total": 4200, "new": True})
    table = parse(viewer.get(url(row)).content.decode()).find_class("checkout-sides")
    # PostgreSQL keeps the keys of a JSON object in an order of its own.
    assert sorted([cell.text for cell in line.children] for line in table.find_all("tr")[1:]) == sorted(
        [
            ["payment status", "unpaid", "paid"],
            ["total", DASH, money("42.00")],
            ["other", "[1]", DASH],
            ["new", DASH, "true"],
        ]
    )


def test_what_differs_is_marked_and_ids_stay_as_they_are(viewer):
    here = {"status": "complete", "captured": 2000, "currency": "eur"}
    there = {"status": "complete", "captured": 1500, "currency": "usd", "payment_intent": "pi_2Ab_c"}
    page = parse(viewer.get(url(DiscrepancyFactory(here=here, at_stripe=there))).content.decode())
    lines = page.find_class("checkout-sides").find_all("tr", **{"class": "checkout-differs"})
    differing = sorted([cell.text for cell in line.children] for line in lines)
    assert differing == [["captured", money("20.00"), money("15.00", "usd")], ["currency", "eur", "usd"]]
    assert "pi_2Ab_c" in page.find_class("checkout-sides").text


def test_what_an_order_was_paid_is_an_amount(viewer):
    here = {"status": "paid", "paid": 2000, "currency": "usd"}
    row = DiscrepancyFactory(kind="order_without_session", here=here, at_stripe={"session": None})
    lines = parse(viewer.get(url(row)).content.decode()).find_class("checkout-sides").find_all("tr")[1:]
    assert ["paid", money("20.00", "usd"), DASH] in [[cell.text for cell in line.children] for line in lines]


def test_what_a_dispute_withdrew_is_in_the_currency_of_the_balance(viewer):
    here = {"amount": 2000, "currency": "eur", "withdrawn": 0, "withdrawn_currency": ""}
    there = {"amount": 2000, "currency": "eur", "withdrawn": 2215, "withdrawn_currency": "usd"}
    row = DiscrepancyFactory(kind="dispute_differs", here=here, at_stripe=there)
    lines = parse(viewer.get(url(row)).content.decode()).find_class("checkout-sides").find_all("tr")[1:]
    assert ["withdrawn", money("0.00"), money("22.15", "usd")] in [
        [cell.text for cell in line.children] for line in lines
    ]


def test_a_payout_s_difference_is_in_its_currency(viewer):
    row = DiscrepancyFactory(
        order=None, kind="payout_differs", here={"lines": 1500}, at_stripe={"amount": 2000, "currency": "jpy"}
    )
    table = parse(viewer.get(url(row)).content.decode()).find_class("checkout-sides").text
    assert money("1500", "jpy") in table
    assert money("2000", "jpy") in table
