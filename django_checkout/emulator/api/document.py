"""What a version of Stripe's API knows: operations and their parameters. Parsed when it is needed.

``parameters.txt`` has those of the account's version, and ``CHANGED`` names what a newer version changes in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from django_checkout.emulator.messages import API_VERSION
from django_checkout.emulator.reference.versions import PLAYED

#: The operations that Stripe's document does not have.
UNDOCUMENTED = "parameters_cli.txt"
EXPAND = " expand: [] str"
#: What newer versions change.
CHANGED = {PLAYED[1]: "parameters_endive.txt"}


@dataclass(slots=True)
class Parameter:
    """A request parameter. ``kind`` is its type in the words of ``parameters.txt``."""

    name: str
    kind: str = "{}"
    required: bool = False
    may_be_empty: bool = False
    children: dict[str, Parameter] = field(default_factory=dict)
    is_played: bool = True
    #: The values of a text that are played, if only some are.
    values: tuple[str, ...] = ()

    def find(self, path: str) -> Parameter:
        """Return a nested parameter by its path, such as ``line_items.price_data``. Raises ``KeyError``."""
        first, _, rest = path.partition(".")
        return self.children[first].find(rest) if rest else self.children[first]

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Yield every nested parameter with its path, parents first."""
        for name, child in self.children.items():
            yield f"{prefix}{name}", child
            yield from child.walk(f"{prefix}{name}.")


@cache
def _blocks(file: str = "parameters.txt") -> dict[str, str]:
    """Return the lines below each heading: an operation, ``@1`` for a shared shape, ``%charge`` for an object."""
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    blocks: dict[str, str] = {}
    for block in re.split(r"\n(?! )", text.rstrip("\n")):
        heading, _, lines = block.partition("\n")
        if heading.startswith("#"):
            continue
        name, _, plus = heading.rpartition(" ")
        if heading.startswith("@"):
            blocks[name] = lines
        elif plus == "+":
            blocks[name] = f"{lines}\n{EXPAND}" if lines else EXPAND
        else:
            blocks.update(dict.fromkeys(heading.split(", "), lines))
    return blocks


def _changes(version: str) -> dict[str, str]:
    return _blocks(CHANGED[version]) if version in CHANGED else {}


@cache
def operations(version: str = API_VERSION) -> tuple[str, ...]:
    """Return the names of all operations of a version, such as ``POST /v1/refunds``."""
    return tuple(name for name in {**_blocks(), **_changes(version)} if name[0] not in "@%")


def undocumented() -> tuple[str, ...]:
    """Return the names of the operations that Stripe's document does not have."""
    return tuple(_blocks(UNDOCUMENTED))


def is_expandable(kind: str, field_path: str) -> bool:
    """Return whether Stripe's API can expand a field of this type of object, or one below it."""
    names = _blocks().get(f"%{kind}", "").split()
    return any(name == field_path or name.startswith(f"{field_path}.") for name in names)


def parameters_of(operation: str, version: str = API_VERSION) -> Parameter:
    """Return the parameters of an operation, as the children of one object. Raises ``KeyError``."""
    lines = _blocks()[operation] if operation in _blocks() else _blocks(UNDOCUMENTED)[operation]
    parameters = Parameter(operation, children=_members(lines))
    _change(parameters, _members(_changes(version).get(operation, "")))
    if operation.startswith("GET /v2/") and "limit" in parameters.children:
        # The URL of the next page has it; the stripe library's types do not.
        parameters.children["page"] = Parameter("page", "str")
    return parameters


@cache
def removed_from(operation: str, version: str) -> dict[str, str]:
    """Return the parameters that a version has removed, with the code of Stripe's error where it has its own, or ""."""
    changes = _members(_changes(version).get(operation, ""))
    return {name: change.kind[2:] for name, change in changes.items() if change.kind[0] == "-"}


def _change(parameter: Parameter, changes: dict[str, Parameter]) -> None:
    for name, change in changes.items():
        known = parameter.children.get(name)
        if change.kind[0] == "-":
            del parameter.children[name]
        elif known and change.kind[0] == "+":
            known.kind += change.kind[1:]
        elif known and known.children and change.children:
            _change(known, change.children)
        else:
            parameter.children[name] = change


def _members(lines: str) -> dict[str, Parameter]:
    """Parse the members of an object and everything below them."""
    found: dict[str, Parameter] = {}
    stack = [found]
    for line in lines.splitlines():
        depth = len(line) - len(line.lstrip())
        names, _, kind = line.strip().rpartition(": ")
        kind, children = _resolved(kind)
        del stack[depth:]
        for marked in names.split():
            name = marked.rstrip("!?")
            parameter = Parameter(name, kind, "!" in marked, "?" in marked, _members(children) if children else {})
            stack[-1][name] = parameter
        stack.append(parameter.children)
    return found


def _resolved(kind: str) -> tuple[str, str]:
    """Return a type without references, and the lines of its members."""
    before, at, number = kind.partition("@")
    if not at:
        return kind, ""
    number, pipe, after = number.partition("|")
    lines = _blocks()[f"@{number}"]
    if before.endswith(("{} ", "<> ")):
        return before.rstrip() + pipe + after, lines
    return before + lines.strip() + pipe + after, ""
