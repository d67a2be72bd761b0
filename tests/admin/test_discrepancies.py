from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import translation

from django_checkout import reconcile
from django_checkout.admin import kinds
from django_checkout.admin.display import DASH
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


def test_every_kind_has_a_label_and_an_explanation():
    with translation.override("de"):
        unnamed = [kind for kind in reconcile.Kind if kinds.label_of(kind) in ("", kind.label)]
        unexplained = [kind for kind in reconcile.Kind if kinds.explanation_of(kind) in ("", kind.explanation)]
    assert (unnamed, unexplained) == ([], [])


def test_an_unknown_kind_is_shown():
    assert kinds.label_of("moon_differs") == "Moon differs"
    assert "both sides" in kinds.explanation_of("moon_differs")


def test_the_list_shows_open_differences_by_default(viewer):
    DiscrepancyFactory(subject="a")
    DiscrepancyFactory(subject="b", state="resolved")
    DiscrepancyFactory(subject="c", state="ignored", kind="refund_differs")
    assert subjects(viewer) == {"a"}
    assert subjects(viewer, state="ignored") == {"c"}
    assert subjects(viewer, state="all") == {"a", "b", "c"}
    assert subjects(viewer, state="all", kind="refund_differs") == {"c"}


def test_a_page_shows_the_explanation_and_the_operations(operator):
    row = DiscrepancyFactory(suggestion="Sync it.")
    page = operator.get(url(row)).content.decode()
    assert "the order does not show the payment" in page
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
def test_a_viewer_cannot_resolve_differences_in_the_list(action, viewer):
    row = DiscrepancyFactory()
    viewer.post(reverse(LIST), {"action": action, "_selected_action": [row.pk], "note": "x"})
    row.refresh_from_db()
    assert row.state == "open"


@pytest.mark.parametrize(("name", "state"), [("resolve", "resolved"), ("ignore", "ignored")])
def test_a_difference_is_resolved_or_ignored_with_a_note(name, state, operator):
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


def test_a_difference_that_another_user_resolved_is_unchanged(operator):
    row = DiscrepancyFactory(state="ignored", note="first")
    assert do(operator, row, "resolve", note="second") == [
        "Resolve failed: another user has already resolved or ignored it."
    ]
    row.refresh_from_db()
    assert (row.state, row.note) == ("ignored", "first")


def test_a_difference_is_reopened(operator):
    row = DiscrepancyFactory(state="ignored", note="first", resolved_by=operator.user)
    do(operator, row, "reopen")
    row.refresh_from_db()
    assert (row.state, row.resolved_at, row.resolved_by) == ("open", None, None)


def test_a_difference_that_another_user_reopened_is_not_reopened(operator):
    row = DiscrepancyFactory()
    assert do(operator, row, "reopen") == ["Reopen failed: another user has already reopened it."]


def test_the_order_of_a_difference_is_synced(order, stripe_emulator, operator):
    row = DiscrepancyFactory(order=order)
    assert do(operator, row, "sync") == [f"Synced order {order} with Stripe: it is unpaid."]


def test_a_difference_without_an_order_cannot_be_synced(operator):
    row = DiscrepancyFactory(order=None)
    assert url(row, "sync") not in operator.get(url(row)).content.decode()


def test_the_timeline_of_the_order_shows_it_and_who_resolved_it(operator):
    order = OrderFactory()
    row = DiscrepancyFactory(order=order)
    do(operator, row, "ignore", note="a test of ours")
    page = parse(operator.get(url(order)).content.decode())
    lines = [line.text for line in page.find("ol", id="checkout-timeline").find_all("li")]
    assert any("· difference · Paid, not recorded ·" in line for line in lines)
    assert any("· admin · operator · Ignored the difference" in line and "a test of ours" in line for line in lines)


def test_several_differences_are_resolved_at_once(operator):
    rows = [DiscrepancyFactory(), DiscrepancyFactory()]
    done = DiscrepancyFactory(state="ignored", note="before")
    choose(operator, "resolve_selected", [*rows, done], note="all paid by transfer")
    for row in rows:
        row.refresh_from_db()
        assert (row.state, row.note, row.resolved_by) == ("resolved", "all paid by transfer", operator.user)
    done.refresh_from_db()
    assert done.note == "before"
    assert LogEntry.objects.count() == 2


def test_several_differences_are_not_ignored_without_a_note(operator):
    row = DiscrepancyFactory()
    choose(operator, "ignore_selected", [row], note=" ")
    row.refresh_from_db()
    assert row.state == "open"


def test_both_sides_are_shown_with_labels(viewer):
    here = {"payment_status": "unpaid", "total": None, "other": [1]}
    row = DiscrepancyFactory(here=here, at_stripe={"payment_status": "paid", "total": 4200, "new": True})
    table = parse(viewer.get(url(row)).content.decode()).find_class("checkout-sides")
    # PostgreSQL does not keep the order of keys in JSON.
    assert sorted([cell.text for cell in line.children] for line in table.find_all("tr")[1:]) == sorted(
        [
            ["payment status", "unpaid", "paid"],
            ["total", DASH, money("42.00")],
            ["other", "[1]", DASH],
            ["new", DASH, "true"],
        ]
    )


def test_different_values_are_marked_and_ids_are_unchanged(viewer):
    here = {"status": "complete", "captured": 2000, "currency": "eur"}
    there = {"status": "complete", "captured": 1500, "currency": "usd", "payment_intent": "pi_2Ab_c"}
    page = parse(viewer.get(url(DiscrepancyFactory(here=here, at_stripe=there))).content.decode())
    lines = page.find_class("checkout-sides").find_all("tr", **{"class": "checkout-differs"})
    differing = sorted([cell.text for cell in line.children] for line in lines)
    assert differing == [["captured", money("20.00"), money("15.00", "usd")], ["currency", "eur", "usd"]]
    assert "pi_2Ab_c" in page.find_class("checkout-sides").text


def test_the_paid_amount_of_an_order_is_formatted(viewer):
    here = {"status": "paid", "paid": 2000, "currency": "usd"}
    row = DiscrepancyFactory(kind="order_without_session", here=here, at_stripe={"session": None})
    lines = parse(viewer.get(url(row)).content.decode()).find_class("checkout-sides").find_all("tr")[1:]
    assert ["paid", money("20.00", "usd"), DASH] in [[cell.text for cell in line.children] for line in lines]


def test_the_withdrawn_amount_is_in_the_currency_of_the_balance(viewer):
    here = {"amount": 2000, "currency": "eur", "withdrawn": 0, "withdrawn_currency": ""}
    there = {"amount": 2000, "currency": "eur", "withdrawn": 2215, "withdrawn_currency": "usd"}
    row = DiscrepancyFactory(kind="dispute_differs", here=here, at_stripe=there)
    lines = parse(viewer.get(url(row)).content.decode()).find_class("checkout-sides").find_all("tr")[1:]
    assert ["withdrawn", money("0.00"), money("22.15", "usd")] in [
        [cell.text for cell in line.children] for line in lines
    ]


def test_the_amounts_of_a_payout_are_in_its_currency(viewer):
    row = DiscrepancyFactory(
        order=None, kind="payout_differs", here={"lines": 1500}, at_stripe={"amount": 2000, "currency": "jpy"}
    )
    table = parse(viewer.get(url(row)).content.decode()).find_class("checkout-sides").text
    assert money("1500", "jpy") in table
    assert money("2000", "jpy") in table


def test_lost_session_shows_its_number_and_its_whole_id(viewer):
    subject = "cs_test_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"
    row = DiscrepancyFactory(
        kind="session_without_order", subject=subject, order=None, at_stripe={"order_id": "N-17", "differs": "email"}
    )

    for page in (viewer.get(reverse(LIST)), viewer.get(url(row))):
        text = parse(page.content.decode()).text
        assert (subject in text, "N-17" in text) == (True, True)
