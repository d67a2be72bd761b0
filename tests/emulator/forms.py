"""Forms that no client should send: valid ones with parameters added, replaced, removed, repeated and nested."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hypothesis import strategies as st

from django_checkout.emulator.api.document import Parameter
from tests.encoding import encode

Pair = tuple[str, str]
#: The place of an id in a value: the number of one of the stored objects.
ID = "<id {}>"
NUMBERS = (
    *("-1", "0", "1", "2", "-0", "00", "1.5", "1e3", "nan", "inf", "²", "\u0661", "0x1", "1_0", " 1"),
    *("99999999", "999999999999", "999999999999999999", "-999999999999999999", "9" * 30, "9" * 5000, f"{'9' * 400}.5"),
    # Times: past, now, soon, in a year, and in the year 10,000.
    *("1789999999", "1790000000", "1790000600", "1821536000", "253402300800"),
)
#: Surrogates are encoded, as no client should.
TEXTS = (
    *(
        "",
        " ",
        "\n",
        "x",
        "x" * 300,
        "x" * 6000,
        "\x00",
        "a\x00b",
        "\ud800",
        "\udfff",
        "😀",
        "é",
        "%",
        "%s",
        "{0}",
        "{}",
    ),
    *("'", '"', "[", "]", "[]", "&", "=", "../..", "<script>", "null", "None", "true", "false", "on", "auto", "now"),
    *("sam@example.com", "https://shop.example.com/", "http://[", "//", "/relative", "2026-02-30", "month", "day"),
    *("eur", "EUR", "jpy", "xxx", "de", "DE", "card", "pm_card_visa", "tok_visa", "amount>100", "email:'a'", "a:", "-"),
    *("data.customer", "customer", "line_items.data.price", "latest_charge.balance_transaction", "inf", "manual"),
)
#: The steps that are appended to a key: another index, a member, and nesting.
STEPS = ("[]", "[0]", "[x]", "[²]", "[-1]", "[999999999999]", f"[{'9' * 5000}]", "[a]" * 500, "[", "]", "[[0]]")

numbers, texts = st.sampled_from(NUMBERS), st.sampled_from(TEXTS) | st.text(max_size=8)
ids = st.integers(0, 400).map(ID.format)
anything = numbers | texts | ids


def values(kind: str) -> st.SearchStrategy[str]:
    """Return values for a type of ``parameters.txt``, most of them valid."""
    strategies = []
    for choice in kind.split("|"):
        word, *rest = choice.strip().split(" ")
        if word in ("int", "num"):
            strategies.append(numbers)
        elif word == "bool":
            strategies.append(st.sampled_from(("true", "false")))
        elif word == "enum":
            strategies.append(st.sampled_from(rest))
        else:
            strategies += [ids, texts]
    return st.one_of(*strategies, anything)


def leaves(parameter: Parameter, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the key and the type of every parameter without members, in the first item of a list."""
    for name, child in parameter.children.items():
        key, kind = f"{prefix}[{name}]" if prefix else name, child.kind
        while kind.startswith("[] "):
            key, kind = f"{key}[0]", kind[3:]
        word, _, rest = kind.partition(" ")
        if word == "<>":
            key, word = f"{key}[eur]", rest or "{}"
        if word == "map":
            key, kind = f"{key}[a]", "str"
        if word == "range":
            key, kind = f"{key}[gte]", "int"
        if child.children:
            yield from leaves(child, key)
        if word != "{}":
            yield key, kind


def change(parameter: Parameter) -> st.SearchStrategy[tuple[str, int, str, str]]:
    """Return changes: what is done, to which pair of the form, and a key and a value for it."""
    index, known = st.integers(0, 30), list(leaves(parameter))
    changes = [
        st.tuples(st.just("replace"), index, st.just(""), anything),
        st.tuples(st.just("remove"), index, st.just(""), st.just("")),
        st.tuples(st.just("repeat"), index, st.just(""), anything),
        st.tuples(st.just("nest"), index, st.sampled_from(STEPS), st.just("")),
        st.tuples(st.just("flatten"), index, st.just(""), st.just("")),
        st.tuples(st.just("add"), index, texts, anything),
    ]
    if known:
        added = st.sampled_from(known).flatmap(
            lambda leaf: st.tuples(st.just("add"), index, st.just(leaf[0]), values(leaf[1]))
        )
        changes += [added] * 6
    return st.one_of(changes)


def changed(pairs: list[Pair], changes: list[tuple[str, int, str, str]]) -> list[Pair]:
    """Return a form after some changes."""
    pairs = list(pairs)
    for what, index, key, value in changes:
        if what == "add":
            pairs = [pair for pair in pairs if pair[0] != key]
            pairs.append((key, value))
        elif pairs:
            at = index % len(pairs)
            name, old = pairs[at]
            if what == "remove":
                del pairs[at]
            elif what == "repeat":
                pairs.append((name, value))
            else:
                flat = re.sub(r"\[[^\[]*\]?$", "", name)
                pairs[at] = {"replace": (name, value), "nest": (name + key, old), "flatten": (flat, old)}[what]
    return pairs


def encoded(pairs: list[Pair], stored: list[str]) -> str:
    """Return a form as it is sent, with the ids of stored objects in their places."""

    def text_of(text: str) -> str:
        place = re.fullmatch(ID.format(r"(\d+)"), text)
        return stored[int(place[1]) % len(stored)] if place and stored else text

    return encode((key, text_of(value)) for key, value in pairs)
