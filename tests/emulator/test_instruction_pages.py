"""The payment page with vouchers, QR codes and bank transfers, and the pages with the shopper's instructions."""

from __future__ import annotations

import re

import pytest

from django_checkout.emulator.payer import qr_codes
from tests.emulator.conftest import BASE_URL, event_types, text_of
from tests.emulator.test_bank_transfers import options
from tests.emulator.test_vouchers import VOUCHERS

EVERY = pytest.mark.parametrize("method", VOUCHERS)
TYPED = {
    "konbini": {"konbini_name": "Hanako"},
    "oxxo": {"oxxo_name": "Sam"},
    "boleto": {
        "boleto_name": "Kim",
        "boleto_tax_id": "000.000.000-00",
        "boleto_line1": "Rua 1",
        "boleto_city": "Santos",
        "boleto_state": "SP",
        "boleto_postal_code": "11010-000",
    },
    "multibanco": {},
    "pix": {"pix_tax_id": "529.982.247-25"},
    "paynow": {},
}


def path_of(url):
    assert url.startswith(BASE_URL)
    return url.removeprefix(BASE_URL)


@pytest.fixture
def open_session(make_session):
    """Return a function that opens a session with a method."""

    def make(method, currency=None, **params):
        currency = currency or {"pix": "brl", "paynow": "sgd"}.get(method) or VOUCHERS[method][0]
        return make_session(amount=2500, currency=currency, payment_method_types=["card", method], **params)

    return make


@pytest.fixture
def page_of(emulator, open_session):
    """Return a function that pays by a method, and returns the session and the path of its instructions."""

    def make(method, **params):
        session = open_session(method, **params)
        return session, path_of(emulator.pay(session.id, method=method).redirect_url)

    return make


@pytest.fixture
def transfer(emulator, client, make_session):
    """A session of 50.00 to be paid by transfer, and the path of its instructions."""
    session = make_session(
        amount=2500,
        customer=client.v1.customers.create().id,
        payment_method_types=["customer_balance"],
        payment_method_options=options(),
    )
    return session, path_of(emulator.pay(session.id, method="customer_balance").redirect_url)


# The form


@EVERY
def test_the_form_sends_the_shopper_to_the_voucher(visitor, emulator, client, open_session, method):
    session = open_session(method)

    answer = visitor.send(f"/pay/{session.id}", email="kim@example.com", method=method, **TYPED[method])

    session = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.payment_method"]})
    action = session.payment_intent.next_action[VOUCHERS[method][1]]
    assert (answer.status, answer.headers["Location"]) == (303, action.hosted_voucher_url)
    assert session.payment_intent.payment_method.billing_details.email == "kim@example.com"
    assert session.customer_details.email == "kim@example.com"


@pytest.mark.parametrize(
    ("method", "wrong", "says"),
    [
        ("konbini", {"konbini_name": ""}, "Required for this payment method."),
        ("konbini", {"konbini_name": "Kim", "konbini_confirmation_number": "00000000000"}, "10 or 11 digits"),
        ("konbini", {"konbini_name": "Kim", "konbini_confirmation_number": "01234567890"}, "was rejected"),
        ("oxxo", {}, "Required for this payment method."),
        ("boleto", {**TYPED["boleto"], "boleto_tax_id": "123"}, "valid CPF or CNPJ"),
        ("boleto", {**TYPED["boleto"], "boleto_city": ""}, "Required for this payment method."),
    ],
)
def test_the_form_says_what_is_missing(visitor, emulator, open_session, method, wrong, says):
    session = open_session(method)

    answer = visitor.send(f"/pay/{session.id}", email="kim@example.com", method=method, **wrong)

    assert says in text_of(answer)
    assert event_types(emulator) == []


def test_a_page_without_cards_chooses_its_only_method(visitor, make_session):
    page = text_of(
        visitor.get(f"/pay/{make_session(amount=5000, currency='jpy', payment_method_types=['konbini']).id}")
    )

    assert re.search(r'value="konbini" checked', page)
    assert "method_card" not in page
    assert "AT611904300234573201" not in page


@pytest.mark.parametrize(
    ("method", "value", "field"),
    [("konbini", "55555555550", "konbini_confirmation_number"), ("oxxo", "fill_never@example.com", "email")],
)
def test_a_test_value_fills_in_the_form(visitor, open_session, method, value, field):
    page = text_of(visitor.send(f"/pay/{open_session(method).id}", method=method, use_value=value))

    assert re.search(rf'name="{field}" type="\w+" value="{value}"', page)
    assert f'name="{method}_name" type="text" value="Sam Shopper"' in page


# Instructions


@EVERY
def test_the_page_has_the_codes(visitor, client, page_of, method):
    session, path = page_of(method)
    intent = client.v1.payment_intents.retrieve(client.v1.checkout.sessions.retrieve(session.id).payment_intent)
    action = intent.next_action[VOUCHERS[method][1]].to_dict()

    page = text_of(visitor.get(path))

    codes = [action[name] for name in ("number", "entity", "reference") if name in action]
    for store in action.get("stores", {}).values():
        codes += [store["payment_code"], store["confirmation_number"]]
    assert codes
    assert all(f'data-copy="{code}"' in page for code in codes)
    assert re.search("5,?0", page)
    assert 'data-state="waiting"' in page


@EVERY
@pytest.mark.parametrize(("act", "last", "shown"), [("pay", "succeeded", "paid"), ("expire", "failed", "expired")])
def test_the_page_pays_or_expires_in_test_mode(visitor, emulator, page_of, method, act, last, shown):
    _session, path = page_of(method)

    answer = visitor.send(path, act=act)

    assert (answer.status, path_of(answer.headers["Location"])) == (303, path)
    assert event_types(emulator)[-1] == f"checkout.session.async_payment_{last}"
    page = text_of(visitor.get(path))
    assert f'data-state="{shown}"' in page
    assert "data-copy" not in page


def test_the_page_of_a_canceled_voucher(visitor, client, page_of):
    session, path = page_of("konbini")
    client.v1.payment_intents.cancel(client.v1.checkout.sessions.retrieve(session.id).payment_intent)

    assert 'data-state="canceled"' in text_of(visitor.get(path))


def test_the_page_of_a_late_multibanco_payment(visitor, emulator, open_session):
    session = open_session("multibanco")
    path = path_of(emulator.pay(session.id, method="multibanco", email="fill_never@example.com").redirect_url)

    emulator.clock.advance(7 * 24 * 3600)

    assert 'data-state="late"' in text_of(visitor.get(path))


def test_the_page_needs_its_key_and_its_form_a_token(visitor, emulator, page_of):
    _session, path = page_of("konbini")

    assert visitor.get(path[:-1]).status == 404
    assert visitor.get(f"{path}/other").status == 404
    assert visitor.get(f"{path}.pdf").status == 404
    assert visitor.post(path, act="pay").status == 403
    assert event_types(emulator)[-1] == "checkout.session.completed"


def test_an_old_key_does_not_open_the_new_instructions(visitor, emulator, client):
    person = {"email": "fill_never@example.com", "name": "Kim"}
    data = {"payment_method_data": {"type": "konbini", "billing_details": person}}
    intent = client.v1.payment_intents.create(
        {"amount": 5000, "currency": "jpy", "payment_method_types": ["konbini"], "confirm": True, **data}
    )
    old = path_of(intent.next_action.konbini_display_details.hosted_voucher_url)
    emulator.settle(intent.id, succeed=False)
    client.v1.payment_intents.confirm(intent.id, data)

    assert visitor.get(old).status == 404


def test_a_transfer_in_parts_shows_what_is_left(visitor, emulator, transfer):
    session, path = transfer
    page = text_of(visitor.get(path))
    assert 'data-copy="NL40CITI7000799556"' in page

    visitor.send(path, act="pay", amount="20.50")

    page = text_of(visitor.get(path))
    assert "€29.50" in page
    assert "€20.50 of €50.00" in page
    visitor.send(path, act="pay", amount="29.50")
    assert emulator.get(session.id)["payment_status"] == "paid"


@pytest.mark.parametrize("amount", ["0.001", "x", "-1", "0"])
def test_a_transfer_of_no_amount_is_refused(visitor, emulator, transfer, amount):
    session, path = transfer

    answer = visitor.send(path, act="pay", amount=amount)

    assert 'role="alert"' in text_of(answer)
    assert emulator.get(session.id)["payment_status"] == "unpaid"


def test_a_boleto_has_a_pdf(visitor, client, page_of):
    _session, path = page_of("boleto")

    answer = visitor.get(f"{path}.pdf")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.body.startswith(b"%PDF-1.4")
    assert b"startxref\n%d\n" % answer.body.index(b"xref\n0") in answer.body


def test_the_page_is_in_the_language_of_the_session(visitor, page_of):
    _session, path = page_of("konbini", locale="de")

    assert "Bestätigungsnummer" in text_of(visitor.get(path))


# QR codes


def test_a_code_keeps_the_shopper_until_it_is_paid(visitor, emulator, open_session):
    session = open_session("pix")

    answer = visitor.send(f"/pay/{session.id}", email="kim@example.com", method="pix", **TYPED["pix"])
    path = path_of(answer.headers["Location"])
    assert path == f"/pay/{session.id}/code"
    page = text_of(visitor.get(path))
    image = re.search(r'<img src="(\S+\.svg)"', page)[1]
    assert visitor.get(path_of(image)).headers["Content-Type"] == "image/svg+xml"
    assert visitor.get(path_of(image).replace(".svg", ".png")).body.startswith(b"\x89PNG")
    assert visitor.get(f"{path}?poll=1").status == 204

    visitor.send(path_of(image).replace(".svg", "/test_payment"), act="pay")

    assert visitor.get(f"{path}?poll=1").status == 200
    left = visitor.get(path)
    assert (left.status, left.headers["Location"]) == (303, f"https://shop.example.com/return/?session_id={session.id}")


def test_a_code_that_has_failed_leads_back_to_the_form(visitor, emulator, open_session):
    session = open_session("paynow")
    emulator.pay(session.id, method="paynow")
    path = f"/pay/{session.id}/code"

    emulator.settle(session.id, succeed=False)

    form = path_of(visitor.get(path).headers["Location"])
    assert form == f"/pay/{session.id}?code=ended"
    assert "The code has expired" in text_of(visitor.get(form))
    assert visitor.get(f"{path}?poll=1").status == 200


def test_a_code_of_another_total_is_withdrawn(visitor, emulator, client, make_session):
    adjustable = {"enabled": True, "minimum": 1, "maximum": 9}
    price = {"currency": "sgd", "unit_amount": 2500, "product_data": {"name": "Tea"}}
    line = {"quantity": 1, "price_data": price, "adjustable_quantity": adjustable}
    session = make_session(line_items=[line], payment_method_types=["paynow"])
    outcome = emulator.pay(session.id, method="paynow")
    assert 'name="quantity_0"' not in text_of(visitor.get(f"/pay/{session.id}/code"))

    visitor.send(f"/pay/{session.id}", update="1", quantity_0="2")

    assert client.v1.payment_intents.retrieve(outcome.payment_intent).status == "requires_payment_method"
    again = emulator.pay(session.id, method="paynow")
    assert client.v1.payment_intents.retrieve(again.payment_intent).amount == 5000
    assert again.payment_intent == outcome.payment_intent


def test_an_address_that_is_too_long_has_no_image(visitor, emulator, open_session, monkeypatch):
    session = open_session("paynow")
    action = emulator.get(emulator.pay(session.id, method="paynow").payment_intent)["next_action"]
    image = path_of(action["paynow_display_qr_code"]["image_url_svg"])
    monkeypatch.setattr(qr_codes, "BLOCKS", {1: qr_codes.BLOCKS[1]})

    assert visitor.get(image).status == 404


def test_a_session_without_a_code_has_no_page_of_it(visitor, open_session):
    session = open_session("paynow")

    assert path_of(visitor.get(f"/pay/{session.id}/code").headers["Location"]) == f"/pay/{session.id}"


# The control page and its JSON


def test_the_control_page_pays_and_expires(visitor, emulator, open_session):
    first, second = open_session("konbini"), open_session("konbini")
    for session in (first, second):
        emulator.pay(session.id, method="konbini")
    page = text_of(visitor.get("/control/"))
    assert page.count("/instructions/") == 2

    visitor.send("/control/", action="settle", id=first.id)
    visitor.send("/control/", action="settle_failed", id=second.id)

    assert emulator.get(first.id)["payment_status"] == "paid"
    assert event_types(emulator)[-1] == "checkout.session.async_payment_failed"


def test_the_control_page_lets_a_transfer_arrive(visitor, emulator, transfer):
    session, _path = transfer
    customer = emulator.get(session.id)["customer"]

    visitor.send("/control/", action="transfer", id=customer, amount="2000", currency="eur")
    assert event_types(emulator)[-1] == "payment_intent.partially_funded"
    visitor.send("/control/", action="settle", id=session.id, amount="3100")

    assert emulator.get(session.id)["payment_status"] == "paid"


def test_the_control_page_settles_an_intent_of_the_api(visitor, emulator, client):
    intent = client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "sgd",
            "payment_method_types": ["paynow"],
            "payment_method_data": {"type": "paynow"},
            "confirm": True,
        }
    )
    assert "/instructions/" in text_of(visitor.get("/control/"))

    visitor.send("/control/", action="settle", id=intent.id)

    assert emulator.get(intent.id)["status"] == "succeeded"
