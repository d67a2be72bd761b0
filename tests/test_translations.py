"""The catalogs are complete and compiled, keep the placeholders, and are used by the pages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.urls import reverse
from django.utils import translation
from django.utils.translation.template import templatize

import django_checkout
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.admin import dashboard
from django_checkout.models.attention import format_details
from django_checkout.money import join_texts
from django_checkout.reconcile import Kind
from tests.amounts import money
from tests.latin_words import latin_words

pytestmark = pytest.mark.core

PACKAGE = Path(django_checkout.__file__).parent
LOCALE = PACKAGE / "locale"
LANGUAGES = sorted(path.parts[-3] for path in LOCALE.glob("*/LC_MESSAGES/django.po"))
#: Functions that mark a message, with the positions of its texts; ``c`` is a context.
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}|<[^>]+>")

CONTROL_PAGE = ("control.html", "button.html", "page.py", "actions.py", "controls.py")

#: Sources of which a shopper reads nothing: admin, operations and the labels of columns and states.
OPERATOR_SOURCES = (
    "admin/",
    "apps.py",
    "models/",
    "operations/",
    "reconcile/",
    "states/enumerations.py",
    "templates/admin/",
)
#: The sources whose messages each catalogue leaves out. It has every other message, so that a new source is translated
#: into each language, and a language without an entry fails.
LEFT_OUT: dict[str, tuple[str, ...]] = {"de": (), "ja": OPERATOR_SOURCES}

GERMAN = {"Accept-Language": "de"}
JAPANESE = {"Accept-Language": "ja"}

Key = tuple[str | None, str]


def read(language: str, locale: Path = LOCALE) -> tuple[Catalog, Catalog]:
    """Return the catalog as written and as compiled."""
    folder = locale / language / "LC_MESSAGES"
    with (folder / "django.po").open("rb") as po, (folder / "django.mo").open("rb") as mo:
        return read_po(po, locale=language), read_mo(mo)


def entries(catalog: Catalog) -> dict[Key, Message]:
    """A catalogue's messages; Babel leaves the contexts of a compiled one encoded."""

    def context_of(message: Message) -> str | None:
        return message.context.decode() if isinstance(message.context, bytes) else message.context

    return {(context_of(message), texts(message.id)[0]): message for message in catalog if message.id}


def texts(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def marked() -> Iterator[tuple[Key, str]]:
    """Yield every message that the sources mark, with its place; the emulator's control page is in English only."""
    for path in sorted(PACKAGE.rglob("*")):
        name = path.relative_to(PACKAGE)
        if path.suffix not in (".py", ".html") or ("emulator" in name.parts and name.name in CONTROL_PAGE):
            continue
        for key, line in marked_in(path):
            yield key, f"{name}:{line}"


def marked_in(path: Path) -> Iterator[tuple[Key, int]]:
    """Yield every message that a source marks, with its line."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # templatize replaces everything else with letters; only the indentation is not valid Python.
        source = "\n".join(line.strip() for line in templatize(source).splitlines())
    found = extract("python", io.BytesIO(source.encode()), keywords=KEYWORDS, options={"encoding": "utf-8"})
    for line, message, _comments, context in found:
        yield (context, texts(message)[0]), line


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request) -> str:
    return request.param


def test_each_language_says_what_it_leaves_out():
    assert sorted(LEFT_OUT) == LANGUAGES
    assert LEFT_OUT["de"] == ()


@pytest.mark.parametrize("source", OPERATOR_SOURCES)
def test_each_source_that_is_left_out_exists(source):
    assert (PACKAGE / source).is_dir() if source.endswith("/") else (PACKAGE / source).is_file()


def test_every_message_is_in_the_catalog(language):
    known = entries(read(language)[0])
    found = {key: where for key, where in marked() if not where.startswith(LEFT_OUT[language])}

    assert len(found) > 400
    assert {where: key for key, where in found.items() if key not in known} == {}
    # The catalog has nothing else.
    assert known.keys() - found.keys() == set()


def test_every_message_is_translated(language):
    written = read(language)[0]

    assert not written.fuzzy
    assert [key for key, message in entries(written).items() if message.fuzzy or not all(texts(message.string))] == []
    assert all(
        len(texts(message.string)) == written.num_plurals
        for message in entries(written).values()
        if message.pluralizable
    )


def test_translations_keep_the_placeholders(language):
    for message in entries(read(language)[0]).values():
        allowed = {frozenset(_PLACEHOLDER.findall(text)) for text in texts(message.id)}
        assert {frozenset(_PLACEHOLDER.findall(text)) for text in texts(message.string)} <= allowed, message.id


def test_the_compiled_catalog_is_up_to_date(language):
    written, compiled = ({key: texts(entry.string) for key, entry in entries(one).items()} for one in read(language))

    assert compiled == written


def test_no_message_overrides_one_of_django(language):
    """Django looks a message up in all apps: one that Django has too must mean the same, or have a context."""
    with (Path(django.__file__).parent / "conf" / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as mo:
        of_django = {key: texts(entry.string) for key, entry in entries(read_mo(mo)).items()}
    ours = {key: texts(entry.string) for key, entry in entries(read(language)[0]).items()}

    assert {key: text for key, text in ours.items() if of_django.get(key, text) != text} == {}


@pytest.mark.django_db
def test_the_shopper_pages_are_german(client, order, paid_order):
    pay = client.get(reverse("django_checkout:pay", args=[make_token(order.pk, Purpose.PAY)]), headers=GERMAN)
    back = client.get(reverse("django_checkout:return", args=[make_token(order.pk, Purpose.STATUS)]), headers=GERMAN)

    assert f"Bestellung {order.reference}" in pay.text
    assert "Diese Bestellung muss nicht bezahlt werden." in pay.text
    assert "Vielen Dank, Ihre Zahlung ist eingegangen" in back.text


@pytest.mark.django_db
def test_the_pay_page_is_german(client, order):
    page = client.get(reverse("django_checkout:pay", args=[make_token(order.pk, Purpose.PAY)]), headers=GERMAN)

    assert "Jetzt bezahlen" in page.text
    assert "Gesamtbetrag" in page.text


@pytest.mark.django_db
@pytest.mark.parametrize("purpose", [Purpose.PAY, Purpose.STATUS])
@pytest.mark.parametrize("is_paid", [False, True])
def test_the_shopper_pages_are_japanese(request, client, order, purpose, is_paid):
    if is_paid:
        request.getfixturevalue("paid_order")
    name = "pay" if purpose == Purpose.PAY else "return"
    page = client.get(reverse(f"django_checkout:{name}", args=[make_token(order.pk, purpose)]), headers=JAPANESE)

    assert '<html lang="ja"' in page.text
    assert f"ご注文 {order.reference}" in page.text
    assert latin_words(page.text, [order.reference, *(line.name for line in order.lines.all())]) == []


@pytest.mark.django_db
def test_the_admin_is_german(admin_client, order):
    page = admin_client.get(reverse("admin:django_checkout_order_changelist"), headers=GERMAN)

    assert "Bestellungen" in page.text
    assert ">unbezahlt</span>" in page.text
    assert money("20.00", language="de") in page.text
    assert "Mit Stripe synchronisieren" in page.text


def test_ages_use_the_right_plural():
    with translation.override("de"):
        assert (dashboard.age(86400 * 3), dashboard.age(7200), dashboard.age(None)) == ("3 Tagen", "2 Stunden", "nie")


def test_two_amounts_keep_their_order():
    with translation.override("de"):
        assert format_details({"paid_minor": 1900, "expected_minor": 2000, "currency": "eur"}) == " statt ".join(
            money(amount, language="de") for amount in ("19.00", "20.00")
        )
        assert format_details({"refunded_minor": 2500, "paid_minor": 2000, "currency": "eur"}) == (
            f"{money('25.00', language='de')} erstattet, {money('20.00', language='de')} bezahlt"
        )


@pytest.mark.parametrize(("language", "text"), [("en", "a, b, and c"), ("de", "a, b und c"), ("ja", "a、b、c")])
def test_a_list_ends_as_the_language_does(language, text):
    with translation.override(language):
        assert join_texts(["a", "b", "c"]) == text


@pytest.mark.parametrize("kind", Kind)
def test_texts_of_a_kind_of_discrepancy_are_translated(kind):
    with translation.override("de"):
        texts = {name: getattr(kind, name) for name in ("label", "explanation", "suggestion")}
        assert {name: text for name, text in texts.items() if translation.gettext(text) == text} == {}
