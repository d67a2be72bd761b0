from __future__ import annotations

from functools import partial

import pytest
from playwright.sync_api import expect

from tests.amounts import money

from .conftest import create_session, until

pytestmark = pytest.mark.browser
#: Tests that do not depend on the screen.
on_desktop = pytest.mark.parametrize("screen", ["desktop"], indirect=True)

ADDRESS = {"name": "Kim Buyer", "address": {"country": "DE", "line1": "Weg 1", "city": "Ulm", "postal_code": "89073"}}
RATES = [
    {
        "shipping_rate_data": {
            "display_name": name,
            "type": "fixed_amount",
            "fixed_amount": {"amount": amount, "currency": "eur"},
        }
    }
    for name, amount in (("Post", 500), ("Express", 900))
]
TEA = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "Tea"}}


@pytest.fixture
def new_session(client, shop):
    return partial(create_session, client, shop, "elements")


@pytest.fixture
def composed(open_shop, new_session):
    """Open a session's page with some Elements."""

    def compose(*parts, options=None, **params):
        session = new_session(**params)
        page = open_shop(session.client_secret or "")
        names = list(parts or ("contact", "payment"))
        error = page.evaluate("([parts, options]) => shop.compose(parts, options)", [names, options or {}])
        assert error is None
        return page

    return compose


def part(page, name):
    return page.frame_locator(f"#{name} iframe")


def type_card(page, number="4242424242424242"):
    payment = part(page, "payment")
    payment.get_by_label("Card number").fill("")
    payment.get_by_label("Card number").press_sequentially(number)
    payment.get_by_label("Expiry").fill("")
    payment.get_by_label("Expiry").press_sequentially("1234")
    payment.get_by_label("Security code").fill("123")


def type_email(page, email="kim@example.com"):
    part(page, "contact").get_by_label("E-mail").fill(email)


def press_pay(page):
    """Click after scrolling is complete; frames of another origin are updated late."""
    page.locator("#pay").scroll_into_view_if_needed()
    page.wait_for_timeout(150)
    page.locator("#pay").click()


def act(page, call, argument=None):
    return page.evaluate(f"argument => shop.actions.{call}", argument)


def session_id(page):
    return str(page.evaluate("shop.actions.getSession().id"))


def test_a_card_payment_succeeds_and_the_button_follows_can_confirm(emulator, composed):
    page = composed()
    expect(page.locator("#pay")).to_be_disabled()
    type_email(page)
    type_card(page)
    expect(part(page, "payment").get_by_label("Card number")).to_have_value("4242 4242 4242 4242")
    expect(part(page, "payment").get_by_label("Expiry")).to_have_value("12 / 34")
    expect(page.locator("#pay")).to_be_enabled()

    press_pay(page)

    expect(page.locator("#done")).to_be_visible()
    result = page.evaluate("shop.result")
    assert result["type"] == "success"
    assert result["session"]["status"] == {"type": "complete", "paymentStatus": "paid"}
    done = emulator.get(session_id(page))
    assert (done["payment_status"], done["customer_details"]["email"]) == ("paid", "kim@example.com")


@on_desktop
def test_confirming_redirects_to_the_shop_by_default(composed, shop):
    page = composed()
    type_email(page)
    type_card(page)
    expected = f"{shop.url}/return/?id={session_id(page)}"

    page.evaluate("void shop.actions.confirm()")

    page.wait_for_url(expected)


def test_a_declined_card_shows_the_reason_and_can_be_replaced(composed):
    page = composed()
    type_email(page)
    type_card(page, "4000000000009995")
    press_pay(page)
    expect(page.locator("#error")).to_have_text("Your card has insufficient funds.")
    error = page.evaluate("shop.result.error")
    assert (error["code"], error["paymentFailed"]) == ("paymentFailed", {"declineCode": "insufficient_funds"})
    assert page.evaluate("shop.actions.getSession().lastPaymentError.message") == "Your card has insufficient funds."

    type_card(page)
    press_pay(page)

    expect(page.locator("#done")).to_be_visible()


@pytest.mark.parametrize("succeeds", [True, False])
def test_3d_secure_is_a_dialog(emulator, composed, succeeds):
    page = composed()
    type_email(page)
    type_card(page, "4000002500003155")
    press_pay(page)
    bank = page.frame_locator('iframe[title="3-D Secure"]')

    bank.get_by_role("button", name="Complete" if succeeds else "Fail").click()

    expect(page.locator('iframe[title="3-D Secure"]')).to_have_count(0)
    if succeeds:
        expect(page.locator("#done")).to_be_visible()
        return
    expect(page.locator("#error")).to_contain_text("unable to authenticate")
    assert page.evaluate("shop.result.error.code") == "paymentFailed"
    assert emulator.get(session_id(page))["status"] == "open"


@on_desktop
def test_a_bank_debit_is_unpaid_at_first(emulator, composed):
    page = composed()
    type_email(page)
    part(page, "payment").get_by_label("Bank debit").check()
    expect(page.locator("#pay")).to_be_enabled()

    press_pay(page)

    expect(page.locator("#done")).to_be_visible()
    assert page.evaluate("shop.result.session.status.paymentStatus") == "unpaid"


def test_errors_are_shown_next_to_their_fields(composed):
    page = composed()
    type_email(page, "kim@")
    type_card(page, "4242424242424241")

    result = act(page, "validateElements()")

    assert result["error"]["code"] == "validation_error"
    elements = [error["element"] for error in result["error"]["validation_errors"]]
    assert sorted(elements) == ["contactDetails", "payment"]
    expect(part(page, "payment").locator("#error_number")).to_have_text("Your card number is invalid.")
    expect(part(page, "contact").locator("#error_email")).to_have_text("Your e-mail address is incomplete.")
    expect(part(page, "payment").get_by_label("Card number")).to_have_attribute("aria-invalid", "true")
    assert act(page, "confirm({redirect: 'if_required'})")["type"] == "error"
    type_card(page)
    expect(part(page, "payment").locator("#error_number")).to_be_hidden()


def test_shipping_and_tax_depend_on_the_address(emulator, composed):
    page = composed(
        "contact",
        "shipping",
        "payment",
        shipping_address_collection={"allowed_countries": ["DE", "AT"]},
        shipping_options=RATES,
        automatic_tax={"enabled": True},
    )
    assert page.evaluate("shop.actions.getSession().tax.status") == "requires_shipping_address"
    type_email(page)
    frame = part(page, "shipping")
    frame.get_by_label("Full name").fill("Kim Buyer")
    frame.get_by_label("Country").select_option("DE")
    frame.get_by_label("Street").fill("Weg 1")
    frame.get_by_label("Postal code").fill("89073")
    frame.get_by_label("City").fill("Ulm")
    until(page, "shop.actions.getSession().tax.status === 'ready'")
    express = page.evaluate("shop.actions.getSession().shippingOptions[1].id")

    changed = act(page, "updateShippingOption(argument)", express)

    total = changed["session"]["total"]
    assert total["shippingRate"] == {"minorUnitsAmount": 900, "amount": money("9.00")}
    assert total["taxExclusive"]["minorUnitsAmount"] == 380
    assert total["total"]["minorUnitsAmount"] == 2280
    assert changed["session"]["shipping"]["shippingOption"]["displayName"] == "Express"
    type_card(page)
    press_pay(page)
    expect(page.locator("#done")).to_be_visible()
    done = emulator.get(session_id(page))
    assert done["collected_information"]["shipping_details"]["name"] == "Kim Buyer"
    assert done["amount_total"] == 2280


@on_desktop
def test_promotion_codes(client, composed):
    client.v1.coupons.create({"id": "ten", "percent_off": 10, "name": "Welcome"})
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": "ten"}, "code": "WELCOME10"})
    minimum = {"minimum_amount": 5000, "minimum_amount_currency": "eur"}
    promotion = {"type": "coupon", "coupon": "ten"}
    client.v1.promotion_codes.create({"promotion": promotion, "code": "BIG", "restrictions": minimum})
    page = composed(allow_promotion_codes=True)

    refused = act(page, "applyPromotionCode('NONE')")
    assert refused == {"type": "error", "error": {"message": "This code is invalid.", "code": "invalidCode"}}
    assert act(page, "applyPromotionCode('BIG')")["error"]["code"] == "promotionCodeAmountInsufficient"
    discounted = act(page, "applyPromotionCode('welcome10')")["session"]
    assert discounted["total"]["total"] == {"minorUnitsAmount": 900, "amount": money("9.00")}
    discount = discounted["discountAmounts"][0]
    assert (discount["promotionCode"], discount["percentOff"], discount["displayName"]) == ("WELCOME10", 10, "Welcome")
    assert act(page, "removePromotionCode()")["session"]["total"]["total"]["minorUnitsAmount"] == 1000


@on_desktop
def test_quantities(composed):
    line = {"quantity": 1, "price_data": TEA, "adjustable_quantity": {"enabled": True, "maximum": 3}}
    page = composed(line_items=[line])
    item = page.evaluate("shop.actions.getSession().lineItems[0]")
    assert item["adjustableQuantity"] == {"minimum": 0, "maximum": 3}

    changed = act(page, "updateLineItemQuantity({lineItem: argument, quantity: 3})", item["id"])
    refused = act(page, "updateLineItemQuantity({lineItem: argument, quantity: 4})", item["id"])

    assert changed["session"]["total"]["total"]["minorUnitsAmount"] == 1500
    assert refused["error"] == {"message": "This quantity cannot be chosen.", "code": None}


@on_desktop
def test_details_can_be_updated_by_script(composed):
    page = composed("payment", tax_id_collection={"enabled": True}, phone_number_collection={"enabled": True})

    assert act(page, "updateEmail('kim')")["error"]["code"] == "incompleteEmail"
    assert act(page, "updateEmail('kim@x')")["error"]["code"] == "invalidEmail"
    assert act(page, "updateEmail('kim@example.com')")["session"]["email"] == "kim@example.com"
    assert act(page, "updatePhoneNumber('+49 1')")["session"]["phoneNumber"] == "+49 1"
    assert act(page, "updateBillingAddress(argument)", ADDRESS)["session"]["billingAddress"]["name"] == "Kim Buyer"
    assert act(page, "updateBillingAddress(null)")["session"]["billingAddress"] is None
    tax_id = {"taxId": {"type": "eu_vat", "value": "x"}, "businessName": "Tea Ltd"}
    assert act(page, "updateTaxIdInfo(argument)", tax_id)["error"]["code"] == "invalidTaxId"
    tax_id["taxId"] = {"type": "eu_vat", "value": "DE123456789"}
    assert act(page, "updateTaxIdInfo(argument)", tax_id)["session"]["taxIdInfo"] == tax_id
    type_card(page)
    expect(page.locator("#pay")).to_be_enabled()


@on_desktop
def test_a_server_update_refreshes_the_session(client, composed):
    page = composed()
    line = client.v1.checkout.sessions.line_items.list(session_id(page)).data[0]
    client.v1.checkout.sessions.update(session_id(page), {"line_items": [{"id": line.id, "quantity": 5}]})

    changed = act(page, "runServerUpdate(async () => {})")

    assert changed["session"]["total"]["total"]["minorUnitsAmount"] == 2500
    failed = act(page, "runServerUpdate(async () => { throw new Error('sold out') })")
    assert failed == {"type": "error", "error": {"message": "sold out", "code": None}}


@on_desktop
def test_a_server_update_times_out_after_twenty_seconds(page, composed):
    page.clock.install()
    composed()
    page.evaluate("void shop.actions.runServerUpdate(() => new Promise(() => {})).then((it) => { shop.late = it; })")
    page.clock.fast_forward(21_000)

    until(page, "Boolean(shop.late)")
    assert "20 seconds" in page.evaluate("shop.late.error.message")


def test_the_local_currency_is_offered_and_paid(emulator, composed):
    page = composed("contact", "currency", "payment", adaptive_pricing={"enabled": True})
    assert page.evaluate("shop.actions.getSession().currencyOptions") is None
    act(page, "updateBillingAddress(argument)", {"address": {"country": "GB"}})
    part(page, "currency").get_by_label("GBP").check()
    until(page, "shop.actions.getSession().currency === 'gbp'")
    expect(page.locator("#pay")).to_contain_text(money("1.00", "gbp")[0])
    type_email(page)
    type_card(page)
    press_pay(page)

    expect(page.locator("#done")).to_be_visible()
    done = emulator.get(session_id(page))
    assert (done["currency"], done["amount_total"]) == ("eur", 1000)
    assert done["presentment_details"]["presentment_currency"] == "gbp"


@on_desktop
def test_a_wallet_pays_immediately(emulator, composed):
    page = composed("express", "payment")
    page.evaluate(
        "shop.elements.express.on('confirm', async (event) => {"
        " shop.result = await shop.actions.confirm({expressCheckoutConfirmEvent: event, redirect: 'if_required'}) })"
    )

    part(page, "express").get_by_role("button", name="test wallet").click()

    until(page, "shop.result?.type === 'success'")
    assert emulator.get(session_id(page))["payment_status"] == "paid"


def test_a_saved_card_pays_and_another_is_saved(emulator, client, composed):
    customer = client.v1.customers.create({"email": "kim@example.com"})
    saving = {"customer": customer.id, "saved_payment_method_options": {"payment_method_save": "enabled"}}
    page = composed("payment", **saving)
    part(page, "payment").get_by_label("Save this card").check()
    type_card(page)
    press_pay(page)
    expect(page.locator("#done")).to_be_visible()

    page = composed("payment", **saving)
    expect(part(page, "payment").get_by_role("radio", name="VISA ••••")).to_be_checked()
    expect(page.locator("#pay")).to_be_enabled()
    press_pay(page)

    expect(page.locator("#done")).to_be_visible()
    intents = client.v1.payment_intents.list({"customer": customer.id}).data
    assert len({intent.payment_method for intent in intents}) == 1


def test_default_values_and_a_free_order(client, composed):
    client.v1.coupons.create({"id": "all", "percent_off": 100})
    defaults = {"defaultValues": {"email": "kim@example.com", "billingAddress": ADDRESS}}
    page = composed(options=defaults, discounts=[{"coupon": "all"}])

    expect(part(page, "contact").get_by_label("E-mail")).to_have_value("kim@example.com")
    expect(part(page, "payment").get_by_text("Nothing is due")).to_be_visible()
    expect(page.locator("#pay")).to_be_enabled()
    press_pay(page)

    expect(page.locator("#done")).to_be_visible()
    assert page.evaluate("shop.result.session.status.paymentStatus") == "no_payment_required"


@on_desktop
def test_a_subscription_is_bought(emulator, composed):
    month = {**TEA, "recurring": {"interval": "month"}}
    page = composed(mode="subscription", line_items=[{"quantity": 1, "price_data": month}])
    assert page.evaluate("shop.actions.getSession().recurring.dueNext.total.minorUnitsAmount") == 500
    type_email(page)
    type_card(page)
    press_pay(page)

    expect(page.locator("#done")).to_be_visible()
    assert emulator.get(session_id(page))["subscription"]


@on_desktop
def test_a_closed_session_says_so(emulator, open_shop, new_session):
    session = new_session()
    emulator.expire(session.id)
    page = open_shop(session.client_secret or "")

    assert page.evaluate("shop.compose([])") is None
    assert page.evaluate("shop.actions.getSession().status") == {"type": "expired"}
    assert page.evaluate("shop.actions.getSession().canConfirm") is False


@on_desktop
def test_a_wrong_secret_is_an_error_of_load_actions(open_shop, new_session, complaints):
    page = open_shop(f"{new_session().id}_secret_wrong")

    error = page.evaluate("shop.compose([])")

    assert error["code"] is None
    assert "client secret" in error["message"]
    complaints[:] = [text for text in complaints if "401" not in text]


@on_desktop
def test_misuse_is_an_integration_error(composed):
    page = composed()
    tried = "call => { try { call(); return '' } catch (error) { return error.name } }"

    for call in ("shop.checkout.createPaymentElement()", "shop.checkout.on('nothing', () => {})"):
        assert page.evaluate(f"({tried})(() => {call})") == "IntegrationError"
    assert page.evaluate("shop.checkout.getPaymentElement() === shop.elements.payment")
    assert page.evaluate("shop.checkout.getBillingAddressElement()") is None
    page.evaluate("shop.elements.payment.destroy()")
    assert page.evaluate("shop.checkout.getPaymentElement()") is None
    assert page.locator("#payment iframe").count() == 0


def test_the_fields_support_keyboard_and_appearance(composed):
    look = {"theme": "night", "variables": {"colorPrimary": "#aa3366"}}
    page = composed(options={"elementsOptions": {"appearance": look}})
    number = part(page, "payment").get_by_label("Card number")
    expect(number).to_be_visible()
    part(page, "contact").get_by_label("E-mail").focus()
    page.keyboard.press("Tab")
    # A frame of another origin receives the focus with a delay.
    expect(part(page, "payment").get_by_role("radio", name="Card")).to_be_focused()
    page.keyboard.press("Tab")

    expect(number).to_be_focused()
    frame = page.locator("#payment iframe").element_handle()
    assert frame
    content = frame.content_frame()
    assert content
    property_of = "getComputedStyle(document.documentElement).getPropertyValue('--action')"
    assert content.evaluate(property_of) == "#aa3366"
    page.evaluate("shop.checkout.changeAppearance({variables: {colorPrimary: '#225588'}})")
    until(content, f"{property_of} === '#225588'")


@on_desktop
def test_setup_mode_accepts_a_card_although_nothing_is_due(composed):
    page = composed(mode="setup", line_items=None, currency="eur")

    type_email(page)
    expect(part(page, "payment").get_by_label("Card number")).to_be_visible()
    expect(page.locator("#pay")).to_be_disabled()
    type_card(page)
    press_pay(page)

    expect(page.locator("#done")).to_be_visible()
    assert page.evaluate("shop.result.session.status.paymentStatus") == "no_payment_required"
