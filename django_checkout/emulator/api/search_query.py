"""Parses queries of Stripe's search query language and compares objects with them: https://docs.stripe.com/search."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.reference.search_fields import FIELDS, SearchField

MAX_CLAUSES = 10
#: The shortest text that ``~`` looks for.
MIN_PART = 3
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_CLAUSE = re.compile(
    rf"(?P<negated>-)?(?:metadata\[(?P<key>{_QUOTED})\]|(?P<name>[A-Za-z_][\w.]*))\s*(?P<operator>>=|<=|[:~<>])\s*"
    rf"(?P<value>{_QUOTED}|null(?!\w)|-?\d+(?:\.\d+)?(?!\w))",
    re.IGNORECASE | re.DOTALL,
)
_JOIN = re.compile(r"\s+(?:(AND|OR)\s+)?", re.IGNORECASE)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ":": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One comparison. ``value`` is None for ``null``."""

    field: SearchField
    operator: str
    value: str | None
    is_negated: bool

    def matches(self, document: Doc) -> bool:
        """Return whether an object fulfils the clause."""
        return self._is_met(_value_at(document, self.field.path)) != self.is_negated

    def _is_met(self, found: Any) -> bool:
        if found is None or self.value is None:
            return found is self.value
        if self.field.kind == "numeric":
            return _COMPARISONS[self.operator](found, float(self.value))
        text, value = _text(found).casefold(), self.value.casefold()
        if self.operator == "~":
            return value in text
        return text == value if self.field.kind == "token" else _has_words(text, value)


@dataclass(frozen=True, slots=True)
class Query:
    """A query: all of its clauses, or any."""

    clauses: tuple[Clause, ...]
    is_any: bool

    def matches(self, document: Doc) -> bool:
        """Return whether an object is found."""
        results = (clause.matches(document) for clause in self.clauses)
        return any(results) if self.is_any else all(results)


def parse(text: str, resource: str) -> Query:
    """Return the query for objects of the type ``resource``. Raises ``ApiError``."""
    clauses, joins = [], set()
    text, at = text.strip(), 0
    while found := _CLAUSE.match(text, at):
        clauses.append(_clause(found, resource))
        if (at := found.end()) == len(text):
            break
        joined = _JOIN.match(text, at)
        if joined is None:
            raise _not_parsed()
        joins.add((joined[1] or "AND").upper())
        at = joined.end()
    if at != len(text) or not clauses or len(joins) > 1 or len(clauses) > MAX_CLAUSES:
        raise _not_parsed()
    return Query(tuple(clauses), joins == {"OR"})


def _clause(found: re.Match[str], resource: str) -> Clause:
    name, sign, raw = found["name"], found["operator"], found["value"]
    if name is None:
        field = SearchField("token", ("metadata", _unquoted(found["key"])))
    elif name in FIELDS[resource]:
        field = FIELDS[resource][name]
    else:
        raise ApiError(
            f"Field `{name}` is an unsupported search field for resource `{resource}s`. See http://stripe.com/docs/search"
            f"#query-fields-for-{resource.replace('_', '-')}s for a list of supported fields."
        )
    shown = name or found[0].partition(sign)[0].lstrip("-")
    if sign not in field.operators:
        raise ApiError(f"Field `{shown}` does not support the operator `{sign}`.")
    value = None if raw.lower() == "null" else _unquoted(raw)
    if field.kind == "numeric" and value is not None and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        raise ApiError(f"Field `{shown}` is numeric and cannot be compared with `{value}`.")
    if sign == "~" and len(value or "") < MIN_PART:
        raise ApiError(f"The operator `~` needs a text of at least {MIN_PART} characters.")
    return Clause(field=field, operator=sign, value=value, is_negated=found["negated"] is not None)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text[:1] in "\"'" else text


def _value_at(document: Doc, path: tuple[str, ...]) -> Any:
    found: Any = document
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found["id"] if isinstance(found, dict) and "id" in found else found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _has_words(text: str, value: str) -> bool:
    """Return whether the words of ``value`` are in a text, in their order and next to each other."""
    words, wanted = list(_words(text)), list(_words(value))
    return any(words[start : start + len(wanted)] == wanted for start in range(len(words) - len(wanted) + 1))


def _words(text: str) -> Iterator[str]:
    return (found[0] for found in re.finditer(r"\S+", text))


def _not_parsed() -> ApiError:
    return ApiError(
        'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query for '
        'metadata or key:"value" to query for other fields.'
    )
