"""The terms of an order: what is charged now and later, on every page where it can be paid."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

from django_checkout import services
from django_checkout.conf import UI_MODES
from django_checkout.params.terms import compute, describe_line, get_terms
from django_checkout.values import CheckoutOptions, LineData, OrderData
from tests.amounts import money

pytestmark = pytest.mark.core

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def line(amount=1900, interval="month", count=1, **values):
    return LineData(
        name="Tea", unit_amount_minor=amount, recurring_interval=interval, recurring_interval_count=count, **values
    )


def once(amount=500):
    return LineData(name="Caddy", unit_amount_minor=amount)


def of(*lines, mode="subscription", **values):
    return compute(lines, mode=mode, currency="eur", now=NOW, **values)


def trial(days):
    return {"subscription_data": {"trial_period_days": days}}


def plain(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


FIVE, NINETEEN, TWENTY_FOUR = plain(money("5.00")), plain(money("19.00")), plain(money("24.00"))
CASES = [
    (of(once(), mode="payment"), 500, ""),
    (of(mode="setup"), 0, "Nothing is charged now. Your payment details are saved for later."),
    (of(line()), 1900, f"{NINETEEN} every month"),
    (of(line(quantity=2)), 3800, f"{plain(money('38.00'))} every month"),
    (of(line(interval="day")), 1900, f"{NINETEEN} every day"),
    (of(line(interval="week", count=2)), 1900, f"{NINETEEN} every 2 weeks"),
    (of(line(19000, count=3)), 19000, f"{plain(money('190.00'))} every 3 months"),
    (of(line(interval="year")), 1900, f"{NINETEEN} every year"),
    (of(line(), line(500)), 2400, f"{TWENTY_FOUR} every month"),
    (of(line(), line(500, "year")), 2400, f"{NINETEEN} every month and {FIVE} every year"),
    (of(line(), once()), 2400, f"Today {TWENTY_FOUR}, then {NINETEEN} every month"),
    (of(line(2400), discount_minor=500), 1900, f"Today {NINETEEN}, then {TWENTY_FOUR} every month"),
    (of(line(), discount_minor=2500), 0, f"Today {plain(money('0.00'))}, then {NINETEEN} every month"),
    (of(line(), **trial(14)), 0, f"14 days free, then {NINETEEN} every month"),
    (of(line(), **trial(1)), 0, f"1 day free, then {NINETEEN} every month"),
    (of(line(), once(), **trial(14)), 500, f"Today {FIVE}, then {NINETEEN} every month after 14 free days"),
    (
        of(line(), subscription_data={"trial_end": int(NOW.timestamp()) + 9 * 86400 + 1}),
        0,
        f"10 days free, then {NINETEEN} every month",
    ),
]


@pytest.mark.parametrize(("terms", "today_minor", "text"), CASES)
def test_terms_state_what_is_charged_today_and_later(terms, today_minor, text):
    assert (terms.today_minor, plain(terms.text)) == (today_minor, text)


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (of(line(count=3), **trial(14)), "14 Tage kostenlos, dann {} alle 3 Monate"),
        (of(line(), **trial(1)), "1 Tag kostenlos, dann {} monatlich"),
        (of(line(interval="year")), "{} jährlich"),
        (of(mode="setup"), "Jetzt wird nichts abgebucht. Ihre Zahlungsdaten werden für später gespeichert."),
    ],
)
def test_terms_are_translated_with_their_plurals(terms, text):
    with translation.override("de"):
        assert plain(terms.text) == plain(text.format(money("19.00", language="de")))


@pytest.mark.parametrize(
    ("terms", "label"),
    [
        (of(once(), mode="payment"), f"Pay {FIVE}"),
        (of(once(), mode="payment", discount_minor=500), f"Pay {plain(money('0.00'))}"),
        (of(line(), once()), f"Pay {TWENTY_FOUR}"),
        (of(line(), **trial(14)), "Start free trial, paid afterwards"),
        (of(line(), once(), **trial(14)), f"Pay {FIVE}"),
        (of(mode="setup"), "Save payment details"),
    ],
)
def test_button_shows_what_is_charged_now(terms, label):
    assert plain(terms.button_label) == label


def test_script_texts_have_placeholders_for_one_interval_only():
    assert of(line(), **trial(14)).script_texts == (
        "14 days free, then {next} every month",
        "Today {today}, then {next} every month after 14 free days",
    )
    assert of(line(), line(500, "year")).script_texts == ("", "")
    assert of(once(), mode="payment").script_texts == ("", "")


def test_recurring_line_shows_its_interval():
    assert plain(describe_line(line(count=2, quantity=2), "eur")) == f"{plain(money('38.00'))} every 2 months"
    assert plain(describe_line(once(), "eur")) == FIVE


def place(**values):
    lines = (line(), once())
    content = {"reference": "T-1", "currency": "eur", "lines": lines, "options": CheckoutOptions(trial_days=14)}
    return services.place(OrderData(**{**content, **values}))


TEXT = f"Today {FIVE}, then {NINETEEN} every month after 14 free days"
SAVED = "Nothing is charged now. Your payment details are saved for later."


@pytest.mark.django_db
@pytest.mark.parametrize("ui_mode", UI_MODES)
@pytest.mark.parametrize(
    ("values", "text"), [({}, TEXT), ({"mode": "setup", "lines": (), "options": CheckoutOptions()}, SAVED)]
)
def test_payment_page_shows_the_terms_in_every_ui_mode(client, settings, ui_mode, values, text):
    settings.CHECKOUT_UI_MODE = ui_mode

    page = client.get(services.pay_url(place(**values)))

    assert text in plain(page.text)


@pytest.mark.django_db
@pytest.mark.parametrize("tag", ["button", "embedded", "elements"])
def test_tags_show_the_terms(tag):
    template = Template("{% load checkout %}{% checkout_" + tag + " order %}")

    html = template.render(Context({"request": RequestFactory().get("/"), "order": place()}))

    assert TEXT in plain(html)
    assert (f"Pay {FIVE}" in plain(html)) is (tag != "embedded")


BEFORE = f"{NINETEEN} every month, before the discount"


@pytest.mark.django_db
@pytest.mark.parametrize("is_default", [True, False])
@pytest.mark.parametrize(
    ("lines", "text", "label"),
    [((line(),), BEFORE, "Pay now"), ((once(1900),), "", "Pay now")],
    ids=["monthly", "once"],
)
def test_no_amount_is_shown_if_stripe_applies_a_coupon(client, settings, is_default, lines, text, label):
    if is_default:
        settings.CHECKOUT_SESSION_DEFAULTS = {"discounts": [{"coupon": "HALF"}]}
    order = place(lines=lines, options=CheckoutOptions(coupon="" if is_default else "HALF"))

    terms, page = get_terms(order), client.get(services.pay_url(order)).text

    assert (plain(terms.text), terms.button_label) == (text, label)
    assert ("Due today" in page, "Subtotal" in page) == (False, True)


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{"discount_minor": 500}, {"allow_promotion_codes": True}, {}])
def test_known_amounts_are_shown(settings, options):
    if options:
        settings.CHECKOUT_SESSION_DEFAULTS = {"discounts": [{"coupon": "HALF"}]}

    terms = get_terms(place(lines=(once(1900),), options=CheckoutOptions(**options)))

    assert plain(terms.button_label) == f"Pay {plain(money('14.00' if 'discount_minor' in options else '19.00'))}"


@pytest.mark.django_db
def test_trial_of_the_site_s_defaults_is_shown(client, settings):
    settings.CHECKOUT_SESSION_DEFAULTS = {"subscription_data": {"trial_period_days": 7}}

    page = client.get(services.pay_url(place(lines=(line(),), options=CheckoutOptions())))

    assert f"7 days free, then {NINETEEN} every month" in plain(page.text)


@pytest.mark.django_db
def test_payment_page_shows_the_price_of_each_line_and_of_today(client):
    page = plain(client.get(services.pay_url(place())).text)

    assert f"<td>{NINETEEN} every month</td>" in page
    assert f"Due today</th><td>{FIVE}</td>" in page


@pytest.mark.django_db
def test_one_time_payment_has_no_terms(client):
    page = client.get(services.pay_url(place(lines=(once(),), options=CheckoutOptions())))

    assert "checkout-terms" not in page.text
    assert "Total" in page.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "text"),
    [({}, TEXT), ({"mode": "setup", "lines": (), "options": CheckoutOptions()}, "Nothing is charged. ")],
)
def test_admin_shows_the_terms(admin_client, values, text):
    page = admin_client.get(f"/admin/django_checkout/order/{place(**values).pk}/change/")

    assert text in plain(page.text)


@pytest.mark.django_db
def test_api_returns_the_terms():
    serializers = pytest.importorskip("django_checkout.api.serializers")

    terms = serializers.OrderSerializer(place()).data["terms"]

    assert terms["today"]["amount_minor"] == 500
    assert terms["trial_days"] == 14
    assert [
        (part["amount"]["amount_minor"], part["interval"], part["interval_count"]) for part in terms["recurring"]
    ] == [(1900, "month", 1)]
    assert plain(terms["text"]) == TEXT


@pytest.mark.django_db
def test_terms_equal_what_stripe_charges(stripe_emulator):
    order = place(lines=(line(count=3), once()), options=CheckoutOptions(discount_minor=300))

    session = stripe_emulator.get(services.start(order).stripe_id)

    assert compute(order.lines.all(), mode=order.mode, currency="eur", discount_minor=300).today_minor == 2100
    assert session["amount_total"] == 2100
