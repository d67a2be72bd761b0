"""The Customer of a returning user is reused and gets receipts at the order's address; a link is not enough."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_checkout import reconcile, services
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.models import CheckoutSession, Customer
from django_checkout.values import CheckoutOptions, LineData, OrderData
from tests.factories import HostOrderFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.core]

LINE = LineData(name="Teapot", unit_amount_minor=2000)
CLUB = LineData(name="Tea club", unit_amount_minor=1900, recurring_interval="month")


def place(reference, user, line=LINE, email="new@example.com", **options):
    options = CheckoutOptions(**options)
    return services.place(
        OrderData(reference=reference, currency="eur", lines=(line,), user=user, email=email, options=options)
    )


@pytest.fixture
def user(stripe_emulator):
    """A user who has bought before and saved a card, and whose Customer has no address."""
    user = UserFactory()
    order = place("O-before", user, email="old@example.com", create_customer=True, save_card="on_session")
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, email="old@example.com")
    services.sync(session)
    return user


@pytest.fixture
def customer(user, stripe_emulator):
    """Returns that Customer from the emulator."""
    return lambda: stripe_emulator.get(services.find_customer_id(user))


@pytest.mark.parametrize(
    ("options", "update"),
    [
        ({"automatic_tax": True}, {"address": "auto"}),
        ({"automatic_tax": True, "shipping_countries": ("US",)}, {"address": "auto", "shipping": "auto"}),
        ({"collect_tax_ids": True}, {"address": "auto", "name": "auto"}),
        ({"collect_billing_address": True}, {"address": "auto"}),
        ({"save_card": "on_session"}, None),
    ],
    ids=["tax", "tax-and-shipping", "tax-id", "billing", "nothing"],
)
def test_second_purchase_of_a_customer_is_accepted(options, update, user, customer, stripe_emulator, deliver_events):
    order = place("O-2", user, **options)
    session = services.start(order)

    assert session.request["customer"] == customer()["id"]
    assert session.request.get("customer_update") == update
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    order.refresh_from_db()
    assert order.status == "paid"


def test_collected_details_are_saved_on_the_customer(user, customer, stripe_emulator):
    order = place("O-2", user, automatic_tax=True, shipping_countries=("US",))
    stripe_emulator.pay(services.start(order).stripe_id, country="US", postal_code="10001")

    assert customer()["address"]["country"] == "US"
    assert customer()["shipping"]["address"]["country"] == "US"


def test_receipts_go_to_the_orders_current_address(user, customer):
    services.start(place("O-2", user))

    assert customer()["email"] == "new@example.com"


def test_known_address_needs_no_call(user, stripe_emulator):
    before = len(stripe_emulator.events("customer.updated"))

    services.start(place("O-2", user, email="old@example.com"))

    assert len(stripe_emulator.events("customer.updated")) == before


def test_row_of_the_customer_is_read_once(user):
    order = place("O-2", user, email="old@example.com")

    with CaptureQueriesContext(connection) as queries:
        services.start(order)

    read = [query["sql"] for query in queries if f'FROM "{Customer._meta.db_table}"' in query["sql"].replace("`", '"')]
    assert len(read) == 1


def test_receipts_do_not_go_to_the_address_of_an_abandoned_order(user, customer):
    services.start(place("O-2", user, email="abandoned@example.com"))

    services.start(place("O-3", user, email="old@example.com"))

    assert customer()["email"] == "old@example.com"


def test_receipts_go_to_an_address_that_changes_while_the_session_is_open(user, customer):
    first = services.start(place("O-2", user, email="mistyped@example.com"))

    second = services.start(place("O-2", user, email="new@example.com"))

    assert (customer()["email"], first.pk == second.pk) == ("new@example.com", False)


@pytest.mark.parametrize("email", ["", "nobody", "root@localhost"])
def test_invalid_address_leaves_the_customer_unchanged(email, user, customer):
    services.start(place("O-2", user, email=email))

    assert customer()["email"] == "old@example.com"


def test_update_of_the_address_is_retried(user, customer, stripe_emulator):
    order = place("O-2", user)
    stripe_emulator.chaos.fail(3, status=503, match="POST /v1/customers/*")
    with pytest.raises(StripeUnavailableError):
        services.start(order)
    stripe_emulator.chaos.reset()

    assert services.start(order).status == "open"
    assert customer()["email"] == "new@example.com"
    assert CheckoutSession.objects.filter(order=order).count() == 1


@pytest.mark.parametrize("line", [LINE, CLUB], ids=["payment", "subscription"])
def test_link_alone_does_not_show_saved_cards(line, rf, user, customer, stripe_emulator):
    order = place("O-2", user, line=line, save_card="on_session")
    request = rf.post("/")

    session = services.start(order, request=request)
    assert not {"customer", "saved_payment_method_options"} & set(session.request)
    assert stripe_emulator.get(session.stripe_id)["customer"] is None
    assert customer()["email"] == "old@example.com"

    request.user = user
    session = services.start(order, request=request)
    assert stripe_emulator.get(session.stripe_id)["customer"] == customer()["id"]
    assert "saved_payment_method_options" in session.request


@pytest.mark.parametrize(
    ("line", "options"),
    [
        (LINE, {"save_card": "on_session"}),
        (LINE, {"save_card": "off_session"}),
        (LINE, {"create_customer": True}),
        (LINE, {"create_invoice": True}),
        (CLUB, {}),
    ],
    ids=["on-session", "off-session", "customer", "invoice", "subscription"],
)
def test_customer_created_through_a_link_is_not_the_users(line, options, rf, stripe_emulator, deliver_events):
    user = UserFactory()
    session = services.start(place("O-1", user, line=line, **options), request=rf.post("/"))
    stripe_emulator.pay(session.stripe_id)
    deliver_events()
    reconcile.run(fix=True)

    session.refresh_from_db()
    assert (session.order.status, services.find_customer_ids(user)) == ("paid", [])


@pytest.mark.parametrize("who", ["link", "owner"])
def test_link_and_user_have_different_sessions(who, rf, stripe_emulator):
    order = place("O-1", UserFactory(), line=CLUB)
    link, owner = rf.post("/"), rf.post("/")
    owner.user = order.user
    first = services.start(order, request=link if who == "link" else owner)

    second = services.start(order, request=owner if who == "link" else link)

    first.refresh_from_db()
    assert (first.status, second.status, second.is_guests) == ("expired", "open", who == "owner")


def test_link_does_not_save_a_card_by_a_payment_method_option(rf, stripe_emulator):
    order = place("O-1", UserFactory(), save_card="off_session")
    by_method = {"payment_method_options": {"card": {"setup_future_usage": "off_session"}}}

    session = services.start(order, request=rf.post("/"), params=by_method)

    assert "setup_future_usage" not in str(session.request)


def test_repeated_fact_does_not_move_the_customer_to_the_orders_new_user(user, customer, stripe_emulator):
    session = CheckoutSession.objects.select_related("order").get()
    Customer.objects.all().delete()
    session.order.user = UserFactory()
    session.order.save()

    services.sync(session)

    assert not Customer.objects.exists()


def test_user_whose_customer_was_deleted_at_stripe_can_pay(stripe_emulator):
    user = UserFactory()
    Customer.objects.create(user=user, livemode=False, stripe_id="cus_gone")
    order = services.place(HostOrderFactory(owner=user))

    session = services.start(order)

    assert (session.status, "customer" in session.request) == ("open", False)
    assert not Customer.objects.exists()
