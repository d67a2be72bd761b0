"""The host's metadata at Stripe: limits, personal data and card numbers."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_checkout.exceptions import MetadataError
from django_checkout.params.metadata import MAXIMUM_KEYS, check_metadata

pytestmark = pytest.mark.core

#: Test card numbers of every length.
CARDS = [
    "4222222222222",
    "30569309025904",
    "378282246310005",
    "4242424242424242",
    "63040000000000000",
    "630400000000000000",
    "6304000000000000000",
]


def with_check_digit(digits):
    """Append the check digit of ISO/IEC 7812-1 annex B."""
    doubled = [int(digit) * (2 - position % 2) for position, digit in enumerate(reversed(digits))]
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def test_plain_keys_and_values_pass_unchanged():
    metadata = {"shop": "north", "Basket no": "12", "note": "", "größe": "x" * 500, "k" * 40: "v"}

    assert check_metadata(metadata) == metadata


def test_result_is_a_copy():
    metadata = {"shop": "north"}

    assert check_metadata(metadata) is not metadata


@pytest.mark.parametrize(
    "text",
    [
        "jo@shop.example",
        "Jo <jo@shop.example>",
        "mail:jo+tag@mail.shop.example;",
        "jo@xn--bcher-kva.example",
        "ö@ä.example",
    ],
)
def test_email_address_is_refused(text):
    with pytest.raises(MetadataError, match="email"):
        check_metadata({"note": text})


@pytest.mark.parametrize("text", ["@shop", "3 @ 4.50", "a@b", "jo at shop.example", "https://shop.example/@jo"])
def test_text_that_resembles_an_email_address_passes(text):
    assert check_metadata({"note": text}) == {"note": text}


@pytest.mark.parametrize("digits", CARDS)
def test_card_number_of_every_length_is_refused(digits):
    with pytest.raises(MetadataError, match="card number"):
        check_metadata({"note": digits})


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "3782 822463 10005",
        "4242  4242  4242  4242",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242\u20134242\u20134242\u20134242",
        "card:4242424242424242.",
        "4242424242424242 12/34 123",
        "2 4242424242424242",
        "2026-09-01 4242 4242 4242 4242",
        "No4242424242424242no",
    ],
)
def test_card_number_is_found_in_any_notation(text):
    with pytest.raises(MetadataError, match="card number"):
        check_metadata({"note": text})


@pytest.mark.parametrize("digits", [card[:-1] + str((int(card[-1]) + 1) % 10) for card in CARDS])
def test_long_number_that_fails_luhn_passes(digits):
    assert check_metadata({"parcel": digits}) == {"parcel": digits}


@pytest.mark.parametrize("digits", ["424242424242", "00000000000", "42424242424242424242", "0" * 40])
def test_number_shorter_or_longer_than_a_card_passes(digits):
    assert check_metadata({"parcel": digits}) == {"parcel": digits}


@given(st.from_regex(r"[0-9]{12,18}", fullmatch=True).filter(str.isascii))
def test_exactly_one_check_digit_is_valid(digits):
    refused = []
    for last in "0123456789":
        try:
            check_metadata({"note": digits + last})
        except MetadataError:
            refused.append(digits + last)

    assert refused == [with_check_digit(digits)]


@given(st.uuids())
def test_uuid_is_not_mistaken_for_a_card_number(value):
    assert check_metadata({"basket": str(value)})


@pytest.mark.parametrize(
    "text",
    [
        str(uuid.UUID("4242424242424242424242424242424a")),
        "123e4567-e89b-12d3-4242-424242424242",
        "a4242424242424242" * 2 + "abcdefabcdefabcd",
    ],
)
def test_digits_in_a_hash_pass(text):
    assert check_metadata({"basket": text}) == {"basket": text}


@pytest.mark.parametrize("text", ["jo@shop.example", "4242424242424242"])
def test_error_names_the_key_and_contains_no_personal_data(text):
    with pytest.raises(MetadataError) as by_value:
        check_metadata({"note": text})
    with pytest.raises(MetadataError) as by_key:
        check_metadata({text: "note"})

    assert "'note'" in str(by_value.value)
    assert text not in f"{by_value.value} {by_key.value}"


@pytest.mark.parametrize("key", ["order_id", "checkout_session", "checkout_refund"])
def test_our_keys_are_reserved(key):
    with pytest.raises(MetadataError, match=key):
        check_metadata({key: "mine"})


@pytest.mark.parametrize("key", ["", "k" * 41, "a[b]", "a]", "["])
def test_key_that_stripe_does_not_accept_is_refused(key):
    with pytest.raises(MetadataError, match="1 to 40 characters"):
        check_metadata({key: "v"})


def test_value_that_is_too_long_is_refused():
    with pytest.raises(MetadataError, match="'note' is longer than 500"):
        check_metadata({"note": "x" * 501})


def test_keys_leave_room_for_ours():
    assert MAXIMUM_KEYS == 47
    assert check_metadata({f"k{number}": "v" for number in range(MAXIMUM_KEYS)})
    with pytest.raises(MetadataError, match="47 keys"):
        check_metadata({f"k{number}": "v" for number in range(MAXIMUM_KEYS + 1)})


@pytest.mark.parametrize("metadata", [{"n": 1}, {"n": None}, {1: "v"}, {"n": ["v"]}, {"n": b"v"}])
def test_keys_and_values_are_strings(metadata):
    with pytest.raises(MetadataError, match="must be strings"):
        check_metadata(metadata)


@pytest.mark.parametrize("metadata", [None, [("n", "v")], "n=v"])
def test_metadata_is_a_mapping(metadata):
    with pytest.raises(MetadataError, match="mapping"):
        check_metadata(metadata)
