from __future__ import annotations

import re

import pytest

from django_checkout.emulator import ApiError
from tests.amounts import money

from .conftest import BASE_URL, text_of

CARD = {"email": "kim@example.com", "method": "card", "card_number": "4242 4242 4242 4242"}
TYPED = {**CARD, "card_expiry": "12 / 34", "card_cvc": "123"}


def test_the_page_shows_the_order_and_a_link_to_the_shop(visitor, make_session):
    session = make_session(amount=1250, quantity=2)

    page = visitor.get(f"/pay/{session.id}")

    text = text_of(page)
    assert page.status == 200
    assert "Tea" in text
    assert money("25.00") in text
    assert f"{money('12.50')} each" in text
    assert 'href="https://shop.example.com/cart/"' in text
    assert '<html lang="en"' in text
    assert "4000 0000 0000 9995" in text


def test_the_page_has_a_strict_policy_and_nothing_inline(visitor, make_session):
    page = visitor.get(f"/pay/{make_session().id}")

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example.com" in policy
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", text_of(page))


def test_every_field_has_a_label(visitor, make_session):
    session = make_session(shipping_address_collection={"allowed_countries": ["AT", "DE"]})

    text = text_of(visitor.get(f"/pay/{session.id}"))

    fields = re.findall(r'<(?:input|select) id="([^"]+)"', text)
    assert len(fields) == 12
    assert all(f'<label for="{name}">' in text for name in fields)


def test_a_payment_redirects_to_the_shop(visitor, client, make_session):
    session = make_session()

    answer = visitor.send(f"/pay/{session.id}", **TYPED)

    after = client.v1.checkout.sessions.retrieve(session.id)
    assert (answer.status, answer.headers["Location"]) == (
        303,
        f"https://shop.example.com/return/?session_id={session.id}",
    )
    assert after.payment_status == "paid"
    assert after.customer_details.email == "kim@example.com"


def test_a_form_without_its_token_pays_nothing(visitor, emulator, make_session):
    session = make_session()

    assert visitor.post(f"/pay/{session.id}", **TYPED).status == 403
    assert visitor.post(f"/pay/{session.id}", token="forged", **TYPED).status == 403
    assert emulator.get(session.id)["status"] == "open"


def test_a_decline_is_shown_and_can_be_retried(visitor, make_session):
    path = f"/pay/{make_session().id}"

    declined = visitor.send(path, **{**TYPED, "card_number": "4000000000009995"})
    paid = visitor.send(path, **TYPED)

    assert 'role="alert"' in text_of(declined)
    assert "insufficient funds" in text_of(declined)
    assert 'value="kim@example.com"' in text_of(declined)
    assert paid.status == 303


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "nobody"),
        ("card_number", ""),
        ("card_number", "4242"),
        ("card_number", "4242424242424241"),
        ("card_number", "4111111111111111"),
        ("card_expiry", "13 / 34"),
        ("card_expiry", "01 / 20"),
        ("card_expiry", "soon"),
        ("card_cvc", "12"),
    ],
)
def test_an_invalid_field_is_marked_and_nothing_is_attempted(visitor, emulator, make_session, name, value):
    session = make_session()

    text = text_of(visitor.send(f"/pay/{session.id}", **{**TYPED, name: value}))

    assert f'aria-describedby="error_{name}"' in text
    assert emulator.events() == []


def test_choosing_a_test_card_fills_in_the_form_and_keeps_other_fields(visitor, emulator, make_session):
    session = make_session()

    text = text_of(visitor.send(f"/pay/{session.id}", email="kim@example.com", use_card="4000 0000 0000 0002"))

    assert 'name="card_number" type="text" value="4000 0000 0000 0002"' in text
    assert 'value="kim@example.com"' in text
    assert emulator.get(session.id)["status"] == "open"


def test_an_email_from_the_shop_cannot_be_changed(visitor, emulator, make_session):
    session = make_session(customer_email="kim@example.com")

    visitor.send(f"/pay/{session.id}", **{**TYPED, "email": "other@example.com"})

    assert emulator.get(session.id)["customer_details"]["email"] == "kim@example.com"


@pytest.mark.parametrize(("answer", "status"), [("complete", "complete"), ("fail", "open")])
def test_3d_secure_has_its_own_page(visitor, emulator, make_session, answer, status):
    session = make_session()
    path = f"/pay/{session.id}"
    challenge = visitor.send(path, **{**TYPED, "card_number": "4000002500003155"})
    assert challenge.headers["Location"] == f"{BASE_URL}{path}/authenticate"

    visitor.send(f"{path}/authenticate", answer=answer)

    assert emulator.get(session.id)["status"] == status


def test_a_bank_debit_is_submitted(visitor, emulator, make_session):
    session = make_session()

    answer = visitor.send(f"/pay/{session.id}", email="kim@example.com", method="bank", iban="AT611904300234573201")

    assert answer.status == 303
    assert (emulator.get(session.id)["status"], emulator.get(session.id)["payment_status"]) == ("complete", "unpaid")


def test_a_free_order_asks_for_no_card(visitor, emulator, make_session):
    session = make_session(amount=0)
    path = f"/pay/{session.id}"

    assert "card_number" not in text_of(visitor.get(path))
    assert visitor.send(path, email="kim@example.com").status == 303
    assert emulator.get(session.id)["payment_status"] == "no_payment_required"


def test_shipping_rate_and_address_are_entered(visitor, emulator, make_session):
    rates = [
        {"shipping_rate_data": {"display_name": name, "fixed_amount": {"amount": amount, "currency": "eur"}}}
        for name, amount in (("Parcel", 490), ("Express", 1290))
    ]
    session = make_session(shipping_options=rates, shipping_address_collection={"allowed_countries": ["AT", "DE"]})
    express = str(session.shipping_options[1].shipping_rate)
    path = f"/pay/{session.id}"

    updated = visitor.send(path, update="1", shipping_rate=express)
    missing = visitor.send(path, **TYPED, shipping_rate=express)
    visitor.send(
        path,
        **TYPED,
        shipping_rate=express,
        shipping_name="Kim",
        shipping_line1="Gasse 1",
        shipping_city="Wien",
        shipping_postal_code="1010",
        shipping_country="AT",
    )

    after = emulator.get(session.id)
    assert money("22.90") in text_of(updated)
    assert "error_shipping_line1" in text_of(missing)
    assert (after["status"], after["amount_total"]) == ("complete", 2290)
    assert after["collected_information"]["shipping_details"]["address"]["city"] == "Wien"


@pytest.mark.parametrize(("end", "words"), [("pay", "All done"), ("expire", "expired")])
def test_a_closed_session_says_so_and_links_to_the_shop(visitor, emulator, make_session, end, words):
    session = make_session()
    emulator.pay(session.id) if end == "pay" else emulator.expire(session.id)

    page = visitor.get(f"/pay/{session.id}")

    assert words in text_of(page)
    assert "https://shop.example.com/" in text_of(page)


@pytest.mark.parametrize("path", ["/pay/cs_test_none", "/pay/", "/recover/cs_test_none", "/assets/../emulator.py"])
def test_unknown_paths_are_404(visitor, path):
    assert visitor.get(path).status == 404


def test_a_recovery_link_redirects_to_the_new_session(visitor, emulator, make_session):
    session = make_session(after_expiration={"recovery": {"enabled": True}})
    assert visitor.get(f"/recover/{session.id}").status == 409
    emulator.expire(session.id)

    answer = visitor.get(f"/recover/{session.id}")

    assert answer.status == 303
    assert session.id not in answer.headers["Location"]


def test_the_page_is_in_the_sessions_language(visitor, make_session):
    german = visitor.get(f"/pay/{make_session(locale='de').id}")

    assert '<html lang="de"' in text_of(german)
    assert money("10.00", language="de") in text_of(german)
    assert f"{money('10.00', language='de')} bezahlen" in text_of(german)


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [
        ("auto", "de-AT,en;q=0.5", "de-at"),
        ("auto", "fr-CA,de;q=0.5", "de"),
        ("auto", "de;q=0.5,en-GB", "en-gb"),
        ("auto", "de-x-private", "de"),
        ("auto", "fr", "en"),
        ("de", "en", "de"),
        ("en-GB", "de", "en-gb"),
        ("fr", "de", "en"),
    ],
)
def test_the_language_is_one_that_the_page_speaks(visitor, make_session, locale, accepted, language):
    text = text_of(visitor.get(f"/pay/{make_session(locale=locale).id}", language=accepted))

    assert f'<html lang="{language}"' in text
    assert ("Testseite" in text) == language.startswith("de")


def test_style_sheet_and_icon_are_served(visitor):
    assert visitor.get("/assets/emulator.css").headers["Content-Type"].startswith("text/css")
    assert visitor.get("/assets/icon.svg").status == 200
    assert visitor.get("/assets/nothing.css").status == 404


def test_the_control_page_shows_objects_events_and_faults(visitor, emulator, make_session):
    session = make_session(client_reference_id="A-1042")
    emulator.pay(session.id, "4000000000000259")
    emulator.chaos.fail()

    text = text_of(visitor.get("/control/"))

    assert "A-1042" in text
    assert "needs_response" in text
    assert "checkout.session.completed" in text
    assert "Active faults" in text


def test_the_control_page_performs_actions(visitor, emulator, make_session):
    session = make_session()
    intent = str(emulator.pay(session.id).payment_intent)

    visitor.send("/control/", action="advance", seconds="3600")
    visitor.send("/control/", action="refund", id=intent)
    visitor.send("/control/", action="fail", count="2", status="500", when="after", match="POST /v1/refunds")
    visitor.send("/control/", action="fail", count="1", status="drop")
    for kind in ("lose", "duplicate", "delay", "shuffle", "reverse"):
        visitor.send("/control/", action="fail_deliveries", count="1", kind=kind)

    assert emulator.clock.offset_seconds == 3600
    assert emulator.events("refund.created")
    assert [fault.status for fault in emulator.chaos.faults] == [500, 0]
    assert [fault.kind for fault in emulator.chaos.delivery_faults] == ["lose", "duplicate", "delay"]
    assert emulator.chaos.order == "reverse"
    assert visitor.send("/control/", action="reset").status == 303
    assert emulator.chaos.faults == []


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"action": "nothing"}, 400),
        ({"action": "advance", "seconds": "-5"}, 400),
        ({"action": "expire", "id": "cs_none"}, 200),
        ({"action": "fail", "count": "x", "status": "500"}, 400),
    ],
)
def test_the_control_page_reports_invalid_actions(visitor, typed, status):
    answer = visitor.send("/control/", **typed)

    assert answer.status == status
    assert 'role="alert"' in text_of(answer)


def test_the_control_page_cannot_be_used_from_another_site(visitor, emulator):
    assert visitor.post("/control/", action="advance", seconds="3600").status == 403
    assert emulator.clock.offset_seconds == 0


def adjustable(amount=500):
    price = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Tea"}}
    bounds = {"enabled": True, "minimum": 1, "maximum": 5}
    return {"quantity": 2, "price_data": price, "adjustable_quantity": bounds}


def test_an_adjustable_quantity_is_changed_on_the_page(visitor, emulator, make_session):
    session = make_session(line_items=[adjustable()])
    path = f"/pay/{session.id}"

    updated = visitor.send(path, update="1", quantity_0="3")
    visitor.send(path, **TYPED, quantity_0="4")

    after = emulator.get(session.id)
    assert money("15.00") in text_of(updated)
    assert (after["status"], after["amount_total"]) == ("complete", 2000)


@pytest.mark.parametrize("typed", [{"quantity_0": "6"}, {"quantity_0": "0"}, {"quantity_7": "1"}])
def test_a_quantity_out_of_bounds_pays_nothing(visitor, emulator, make_session, typed):
    session = make_session(line_items=[adjustable()])

    answer = visitor.send(f"/pay/{session.id}", **TYPED, **typed)

    assert "cannot be chosen" in text_of(answer)
    assert emulator.get(session.id)["amount_total"] == 1000
    assert emulator.events() == []


def test_a_fixed_quantity_cannot_be_adjusted(emulator, make_session):
    with pytest.raises(ApiError):
        emulator.adjust(make_session().id, 3)
