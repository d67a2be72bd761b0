"""Payment links: whoever opens one gets a Checkout Session with the link's parameters."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from django_checkout.emulator.reference.versions import PLAYED

from .conftest import BASE_URL, event_types, text_of

CARD = {"card_number": "4242424242424242", "card_expiry": "12 / 34", "card_cvc": "123", "email": "kim@example.com"}


@pytest.fixture
def price(client):
    return client.v1.prices.create({"currency": "eur", "unit_amount": 700, "product_data": {"name": "Tea"}}).id


@pytest.fixture
def make_link(client, price):
    def make(version=PLAYED[0], **params):
        line = {"price": price, "quantity": 2}
        return client.v1.payment_links.create({"line_items": [line], **params}, {"stripe_version": version})

    return make


@pytest.fixture
def visit(client, visitor):
    """Open a link, and return the session, or None and the page."""

    def open_link(link, query=""):
        response = visitor.get(f"{link.url.removeprefix(BASE_URL)}{query}")
        if response.status != 303:
            return None, text_of(response)
        session_id = urlsplit(response.headers["Location"]).path.rpartition("/")[2]
        return client.v1.checkout.sessions.retrieve(session_id, {"expand": ["line_items", "payment_link"]}), ""

    return open_link


@pytest.mark.parametrize("version", PLAYED)
def test_link_opens_a_session_with_its_parameters(make_link, visit, version):
    link = make_link(
        version,
        metadata={"campaign": "spring"},
        allow_promotion_codes=True,
        billing_address_collection="required",
        phone_number_collection={"enabled": True},
        submit_type="book",
        after_completion={"type": "redirect", "redirect": {"url": "https://shop.example.com/{CHECKOUT_SESSION_ID}"}},
        payment_intent_data={"description": "Tea in spring"},
    )

    session, _ = visit(link)

    assert (session.payment_link.id, session.payment_link.url) == (link.id, link.url)
    assert (session.mode, session.amount_total, session.metadata.to_dict()) == ("payment", 1400, {"campaign": "spring"})
    assert (session.allow_promotion_codes, session.billing_address_collection) == (True, "required")
    assert (session.phone_number_collection.enabled, session.submit_type) == (True, "book")
    assert session.success_url == "https://shop.example.com/{CHECKOUT_SESSION_ID}"
    (line,) = session.line_items.data
    assert (line.quantity, line.amount_total) == (2, 1400)


def test_every_visitor_has_a_session_and_pays_it(client, emulator, make_link, visit):
    link = make_link(payment_intent_data={"description": "Tea in spring"}, customer_creation="always")

    sessions = [visit(link)[0].id for _ in range(2)]
    outcome = emulator.pay(sessions[0])

    assert sessions[0] != sessions[1]
    assert client.v1.payment_intents.retrieve(outcome.payment_intent).description == "Tea in spring"
    assert client.v1.checkout.sessions.retrieve(sessions[0]).customer
    found = client.v1.checkout.sessions.list({"payment_link": link.id}).data
    assert {session.id: session.status for session in found} == dict(zip(sessions, ("complete", "open"), strict=True))


def test_buyer_sees_the_confirmation_of_the_link(client, visitor, make_link, visit):
    link = make_link(
        after_completion={"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": "Soon!"}}
    )
    session, _ = visit(link)

    paid = visitor.send(f"/pay/{session.id}", method="card", **CARD)

    assert paid.headers["Location"] == f"{BASE_URL}/pay/{session.id}"
    page = text_of(visitor.get(f"/pay/{session.id}"))
    assert "Soon!" in page
    assert "stripe.com" not in page


def test_buyer_is_redirected(visitor, make_link, visit):
    url = "https://shop.example.com/thanks/?session={CHECKOUT_SESSION_ID}"
    session, _ = visit(make_link(after_completion={"type": "redirect", "redirect": {"url": url}}))

    paid = visitor.send(f"/pay/{session.id}", method="card", **CARD)

    assert paid.headers["Location"] == url.replace("{CHECKOUT_SESSION_ID}", session.id)


def test_recurring_price_makes_a_subscription(client, emulator, make_link, visit):
    recurring = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    club = client.v1.prices.create({**recurring, "product_data": {"name": "Club"}}).id
    data = {"trial_period_days": 7, "metadata": {"plan": "club"}}
    link = make_link(line_items=[{"price": club, "quantity": 1}], subscription_data=data)

    session, _ = visit(link)
    emulator.pay(session.id)

    assert (session.mode, session.amount_total) == ("subscription", 0)
    subscription = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]}).subscription
    assert (subscription.status, subscription.metadata.to_dict()) == ("trialing", {"plan": "club"})


def test_inline_price_is_the_same_in_every_session(make_link, visit):
    tea = {"currency": "eur", "unit_amount": 300, "product_data": {"name": "Tea"}}
    link = make_link(line_items=[{"price_data": tea, "quantity": 1}])

    prices = {visit(link)[0].line_items.data[0].price.id for _ in range(2)}

    assert len(prices) == 1


def test_url_adds_a_reference_a_code_an_address_and_a_language(client, emulator, visitor, make_link, visit):
    coupon = client.v1.coupons.create({"percent_off": 50}).id
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}, "code": "HALF"})
    link = make_link(allow_promotion_codes=True)

    query = "?client_reference_id=order_7-a&prefilled_promo_code=HALF&prefilled_email=kim%40example.com&locale=de"
    session, _ = visit(link, query)

    assert (session.client_reference_id, session.amount_total, session.locale) == ("order_7-a", 700, "de")
    assert session.customer_email is None
    page = text_of(visitor.get(f"/pay/{session.id}"))
    assert 'value="kim@example.com"' in page
    assert 'lang="de"' in page
    locked, _ = visit(link, "?locked_prefilled_email=sam%40example.com")
    assert locked.customer_email == "sam@example.com"


@pytest.mark.parametrize(
    "query",
    [
        "?client_reference_id=order%207",
        "?prefilled_promo_code=NONE",
        "?locale=tlh",
        f"?client_reference_id={'a' * 201}",
    ],
)
def test_parameter_of_the_url_that_is_not_valid_is_left_out(make_link, visit, query):
    session, _ = visit(make_link(allow_promotion_codes=True), query)

    assert (session.client_reference_id, session.amount_total, session.locale) == (None, 1400, "auto")


def test_deactivated_link_shows_its_message(client, emulator, make_link, visit):
    link = make_link(inactive_message="Sold out until May")

    changed = client.v1.payment_links.update(link.id, {"active": False})

    session, page = visit(link)
    assert (changed.active, session) == (False, None)
    assert "This link is no longer active" in page
    assert "Sold out until May" in page
    assert [found.id for found in client.v1.payment_links.list({"active": False}).data] == [link.id]
    event = emulator.events("payment_link.updated")[-1]
    assert event["data"]["previous_attributes"] == {"active": True}


def test_link_is_deactivated_once_its_sessions_are_completed(client, emulator, make_link, visit):
    link = make_link(restrictions={"completed_sessions": {"limit": 2}})

    for _ in range(2):
        emulator.pay(visit(link)[0].id)

    shown = client.v1.payment_links.retrieve(link.id)
    assert (shown.active, shown.restrictions.completed_sessions.count) == (False, 2)
    assert visit(link)[0] is None


def test_link_to_an_archived_price_is_not_open(client, price, make_link, visit):
    link = make_link()

    client.v1.prices.update(price, {"active": False})

    assert visit(link)[0] is None


def test_update_replaces_what_is_sent(client, emulator, make_link, visit):
    link = make_link(metadata={"a": "1"}, custom_text={"submit": {"message": "Thanks"}}, inactive_message="Gone")
    (line,) = client.v1.payment_links.line_items.list(link.id).data

    changed = client.v1.payment_links.update(
        link.id,
        {
            "line_items": [{"id": line.id, "quantity": 3, "adjustable_quantity": {"enabled": True, "maximum": 9}}],
            "metadata": {"b": "2"},
            "inactive_message": "",
            "expand": ["line_items"],
        },
    )

    assert (changed.metadata.to_dict(), changed.inactive_message) == ({"a": "1", "b": "2"}, None)
    assert changed.custom_text.submit.message == "Thanks"
    assert (changed.line_items.data[0].quantity, changed.line_items.data[0].amount_total) == (3, 2100)
    session, _ = visit(link)
    assert (session.amount_total, session.metadata.to_dict()) == (2100, {"a": "1", "b": "2"})
    assert session.line_items.data[0].adjustable_quantity.maximum == 9
    assert event_types(emulator).count("payment_link.created") == 1


def test_unknown_link_is_not_found(visitor):
    response = visitor.get("/buy/test_unknown")

    assert (response.status, "Checkout not found" in text_of(response)) == (404, True)
