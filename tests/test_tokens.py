"""Signed tokens: valid for one order, one purpose and a limited time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import signing
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from django_checkout import services
from django_checkout.access.tokens import (
    Purpose,
    make_status_token,
    make_token,
    read_token,
    with_tokens,
    without_tokens,
)
from django_checkout.exceptions import OrderNotFoundError
from django_checkout.models import Order

pytestmark = pytest.mark.core

DAY = 24 * 3600
CREATED_AT = datetime(2026, 9, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def order(pk):
    return Order(pk=pk, created_at=CREATED_AT)


@pytest.fixture
def clock(monkeypatch):
    """The clock of signatures; set ``clock.now`` to move it."""

    class Clock:
        now = 1_788_220_800.0

        def time(self):
            return self.now

    moved = Clock()
    monkeypatch.setattr(signing, "time", moved)
    return moved


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("pk", [1, 2**63 - 1])
def test_token_contains_its_order(pk, purpose):
    content = read_token(make_token(order(pk), purpose), purpose)

    assert (content.order_pk, content.is_young, content.is_for(order(pk))) == (pk, True, True)


@pytest.mark.django_db
def test_token_of_a_primary_key_is_valid_for_the_row(host_order):
    row = services.place(host_order)

    assert read_token(make_token(row.pk, Purpose.PAY), Purpose.PAY).is_for(Order.objects.get())


@pytest.mark.parametrize("created_at", [CREATED_AT + timedelta(microseconds=1), CREATED_AT - timedelta(days=1)])
def test_token_is_not_for_a_later_row_with_the_same_primary_key(created_at):
    content = read_token(make_token(order(7), Purpose.PAY), Purpose.PAY)

    assert not content.is_for(Order(pk=7, created_at=created_at))


@pytest.mark.parametrize("purpose", Purpose)
def test_token_is_url_safe(purpose):
    token = make_token(order(7), purpose)

    assert reverse("django_checkout:return", args=[token]).split("/")[-2] == token


@pytest.mark.parametrize("purpose", Purpose)
def test_token_is_valid_for_one_purpose_only(purpose):
    token = make_token(order(7), purpose)

    for other in set(Purpose) - {purpose}:
        with pytest.raises(OrderNotFoundError):
            read_token(token, other)


def test_every_purpose_has_its_own_salt():
    assert len({make_token(order(7), purpose).rsplit(":", 1)[-1] for purpose in Purpose}) == len(Purpose)


@given(st.data())
def test_token_with_one_changed_character_is_refused(data):
    token = make_token(order(7), Purpose.PAY)
    position = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters(codec="utf-8").filter(lambda other: other != token[position]))

    with pytest.raises(OrderNotFoundError):
        read_token(token[:position] + character + token[position + 1 :], Purpose.PAY)


@given(st.text(max_size=60))
def test_unsigned_text_is_refused(text):
    with pytest.raises(OrderNotFoundError):
        read_token(text, Purpose.PAY)


def test_token_for_another_order_cannot_be_spliced():
    mine, theirs = make_token(order(7), Purpose.PAY), make_token(order(8), Purpose.PAY)

    with pytest.raises(OrderNotFoundError):
        read_token("8" + mine[1:], Purpose.PAY)
    with pytest.raises(OrderNotFoundError):
        read_token(theirs.rsplit(":", 1)[0] + ":" + mine.rsplit(":", 1)[1], Purpose.PAY)


def test_host_s_signature_for_another_purpose_is_refused():
    with pytest.raises(OrderNotFoundError):
        read_token(signing.TimestampSigner().sign("7"), Purpose.PAY)


def test_signed_value_that_is_not_an_order_is_refused():
    signed = signing.TimestampSigner(salt=f"django_checkout.{Purpose.PAY}").sign("seven")

    with pytest.raises(OrderNotFoundError):
        read_token(signed, Purpose.PAY)


def test_token_expires_after_its_maximum_age(settings, clock):
    settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = DAY
    token = make_token(order(7), Purpose.PAY)

    clock.now += DAY
    assert read_token(token, Purpose.PAY).is_young is True
    clock.now += 1
    assert read_token(token, Purpose.PAY).is_young is False


def test_shorter_maximum_age_applies_to_existing_links(settings, clock):
    token = make_token(order(7), Purpose.PAY)
    clock.now += DAY
    settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = 60

    assert read_token(token, Purpose.PAY).is_young is False


def test_token_is_valid_with_a_fallback_secret_key(settings):
    token = make_token(order(7), Purpose.STATUS)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]

    assert read_token(token, Purpose.STATUS).is_young is True


def test_token_is_invalid_after_its_secret_key_is_removed(settings):
    token = make_token(order(7), Purpose.STATUS)
    settings.SECRET_KEY = "another"

    with pytest.raises(OrderNotFoundError):
        read_token(token, Purpose.STATUS)


def test_status_token_has_the_age_of_its_pay_token(settings, clock):
    settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = DAY
    pay_token = make_token(order(7), Purpose.PAY)
    clock.now += DAY

    content = read_token(make_status_token(pay_token), Purpose.STATUS)
    clock.now += 1

    assert (content.is_young, content.is_for(order(7))) == (True, True)
    assert not read_token(make_status_token(pay_token), Purpose.STATUS).is_young


def test_status_token_is_created_only_from_a_pay_token():
    with pytest.raises(OrderNotFoundError):
        make_status_token(make_token(order(7), Purpose.STATUS))


def test_token_can_be_created_with_an_age(settings, clock):
    settings.CHECKOUT_TOKEN_MAX_AGE_SECONDS = DAY
    signed_at = datetime.fromtimestamp(clock.now - DAY, tz=UTC)
    token = make_token(order(7), Purpose.PAY, signed_at=signed_at)

    assert read_token(token, Purpose.PAY).is_young
    clock.now += 1
    assert not read_token(token, Purpose.PAY).is_young


@pytest.mark.parametrize("purpose", Purpose)
def test_stored_url_has_no_token_and_is_restored_with_the_same_one(purpose, clock):
    token = make_token(order(7), purpose)
    link = f"https://shop.example/a/{token}/?session_id={{CHECKOUT_SESSION_ID}}"

    stored = without_tokens(link, order(7))
    clock.now += DAY

    assert token not in stored
    assert token.rpartition(":")[2] not in stored
    assert with_tokens(stored, order(7)) == link


def test_urls_of_the_shop_are_stored_unchanged():
    """Including URLs with a text like a token or with another order's token, which with_tokens() cannot restore."""
    for link in (f"/cart/{make_token(order(8), Purpose.PAY)}/", f"/cart/7:a:b:{'x' * 43}/", "/~sam/", "/a/?b=~c~d~"):
        assert without_tokens(link, order(7)) == link
        assert with_tokens(link, order(7)) == link
