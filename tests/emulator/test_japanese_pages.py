"""The emulator's pages in Japanese have no English by accident."""

from __future__ import annotations

import pytest

from django_checkout.emulator.api.resources.account import NAME
from tests.emulator.conftest import text_of
from tests.emulator.test_instruction_pages import open_session, page_of, transfer  # noqa: F401 (fixtures)
from tests.latin_words import latin_words

JAPANESE = "ja"
BRANDS = ("Mastercard", "Visa", "American Express", "Discover", "Diners Club", "JCB", "UnionPay")
ABBREVIATIONS = ("ATM", "BIC", "CLABE", "CNPJ", "CPF", "EUR", "IBAN", "MX", "QR", "URL", "UTC")
METHODS = ("Boleto", "Multibanco", "OXXO", "PayNow", "Pix")
#: The shop, its product, and what is typed.
CONTENT = (NAME, "Tea", "name@example.com", "Rua 1", "Santos")
NAMES = (*BRANDS, *ABBREVIATIONS, *METHODS, *CONTENT)


def words(response):
    page = text_of(response)
    assert '<html lang="ja"' in page
    return latin_words(page, NAMES)


def test_the_payment_page(visitor, open_session):  # noqa: F811
    session = open_session("konbini")

    page = visitor.get(f"/pay/{session.id}", JAPANESE)

    assert "コンビニ払い" in text_of(page)
    assert words(page) == []


@pytest.mark.parametrize("method", ["konbini", "oxxo", "boleto", "multibanco"])
def test_the_instructions(visitor, page_of, method):  # noqa: F811
    _session, path = page_of(method)

    assert words(visitor.get(path, JAPANESE)) == []


def test_the_instructions_of_a_transfer(visitor, transfer):  # noqa: F811
    assert words(visitor.get(transfer[1], JAPANESE)) == []


def test_a_link_that_does_not_exist(visitor):
    assert words(visitor.get("/pay/cs_test_nonsense", JAPANESE)) == []
