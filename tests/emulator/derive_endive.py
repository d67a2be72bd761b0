"""Prints what ``parameters_endive.txt`` lacks, from the parameters of the installed stripe library of that version.

``python -m tests.emulator.derive_endive``; limits of lengths and the codes of errors are in Stripe's changelog only.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, NotRequired, Union, get_args, get_origin

from typing_extensions import is_typeddict

from tests.conformance.sdk_params import evaluated, hints_of, operations

WORDS = {str: "str", int: "int", bool: "bool", float: "num", Decimal: "str"}


def main() -> None:
    """Print the blocks by operation."""
    from django_checkout.emulator.api.document import parameters_of
    from django_checkout.emulator.api.routes import ROUTES
    from tests.conformance.test_sdk_params import IN_THE_DOCUMENT_ONLY, IN_THE_SDK_ONLY, VERSION

    def is_expected(name: str) -> bool:
        return bool(IN_THE_SDK_ONLY.match(name) or IN_THE_DOCUMENT_ONLY.match(name))

    for route in sorted(name for name in ROUTES if " /v1/" in name):
        operation = re.sub(r"\{\w+\}", "{}", route)
        module, _, name = operations().get(operation, "").partition(" ")
        if not name:
            continue
        theirs = members(getattr(importlib.import_module(module), name))
        known = parameters_of(route, VERSION)
        found = [
            line
            for path, line in differences(known, theirs)
            if not IN_THE_SDK_ONLY.match(f"{operation} {path}")
            and not IN_THE_DOCUMENT_ONLY.match(f"{operation} {path}")
        ]
        if found:
            print(route, *found, sep="\n")


def members(params: Any) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return the members of a class of parameters: marks, type and members of each."""
    names = vars(sys.modules[params.__module__])
    found = {}
    for name, hint in hints_of(params).items():
        hint = evaluated(hint, names)
        required = "" if get_origin(hint) is NotRequired else "!"
        kind, children, emptied = described(hint, names)
        found[name] = (required + "?" * emptied, kind, children)
    return found


def described(hint: Any, names: dict[str, Any]) -> tuple[str, dict[str, Any], bool]:
    """Return the type of a parameter in the words of the table, its members, and whether it may be emptied."""
    hint = evaluated(hint, names)
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return "{}", members(hint), False
    if origin is Literal:
        values = [str(value) for value in arguments if value != ""]
        return f"enum {' '.join(values)}" if values else "", {}, "" in arguments
    if origin is NotRequired:
        return described(arguments[0], names)
    if origin is list:
        kind, children, _ = described(arguments[0], names)
        return f"[] {kind}", children, False
    if origin is dict:
        kind, children, _ = described(arguments[1], names)
        return ("<>", children, False) if children else ("map", {}, False)
    if origin is Union or origin is type(int | str):
        return _any_of([described(choice, names) for choice in arguments])
    return WORDS.get(hint, "map"), {}, False


def _any_of(choices: list[tuple[str, dict[str, Any], bool]]) -> tuple[str, dict[str, Any], bool]:
    """Return the type of a union. A text beside the values of an enumeration stands for later values."""
    kinds = [kind for kind, _, _ in choices if kind]
    is_enumeration = any(kind.startswith("enum") for kind in kinds)
    kinds = [kind for kind in kinds if not (is_enumeration and kind == "str")]
    children = next((children for _, children, _ in choices if children), {})
    emptied = any(emptied for _, _, emptied in choices)
    ranges = [kind for kind in kinds if kind == "{}" and children.keys() == {"gt", "gte", "lt", "lte"}]
    return "range" if ranges else "|".join(sorted(kinds, key=len)), {} if ranges else children, emptied


def differences(known: Any, theirs: dict[str, Any], path: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    """Yield the path and line of each difference, and of what it is inside."""
    indent, lead = " " * depth, f"{path}." if path else ""
    for name in sorted(known.children.keys() - theirs.keys() if known.children else ()):
        yield f"{lead}{name}", f"{indent}{name}: -"
    for name, (marks, kind, children) in sorted(theirs.items()):
        ours = known.children.get(name)
        here = f"{lead}{name}"
        if ours is None or bool(children) != bool(ours.children):
            yield from whole(here, name, (marks, kind, children), depth)
        elif children:
            below = list(differences(ours, children, here, depth + 1))
            if below:
                yield below[0][0], f"{indent}{name}: {kind}"
                yield from below
        elif ours.kind.partition("enum ")[1] and kind.partition("enum ")[1]:
            added = set(kind.partition("enum ")[2].split()) - set(ours.kind.partition("enum ")[2].split())
            if added:
                yield f"{here} {min(added)}", f"{indent}{name}: + {' '.join(sorted(added))}"


def whole(path: str, name: str, parameter: tuple[str, str, dict[str, Any]], depth: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of a parameter that the table does not have."""
    marks, kind, children = parameter
    yield path, f"{' ' * depth}{name}{marks}: {kind}"
    for below, child in sorted(children.items()):
        yield from whole(f"{path}.{below}", below, child, depth + 1)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    main()
