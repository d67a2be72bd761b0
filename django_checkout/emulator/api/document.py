"""What Stripe's API knows: operations and their parameters, from ``parameters.txt``. Parsed when it is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

EXPAND = " expand: [] str"


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
def _blocks() -> dict[str, str]:
    """Return the lines below each heading: an operation, ``@1`` for a shared shape, ``%charge`` for an object."""
    text = files(__package__).joinpath("parameters.txt").read_text(encoding="utf-8")
    blocks = {}
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
            blocks[heading] = lines
    return blocks


@cache
def operations() -> tuple[str, ...]:
    """Return the names of all operations, such as ``POST /v1/refunds``."""
    return tuple(name for name in _blocks() if name[0] not in "@%")


def is_expandable(kind: str, field_path: str) -> bool:
    """Return whether Stripe's API can expand a field of this type of object, or one below it."""
    names = _blocks().get(f"%{kind}", "").split()
    return any(name == field_path or name.startswith(f"{field_path}.") for name in names)


def parameters_of(operation: str) -> Parameter:
    """Return the parameters of an operation, as the children of one object. Raises ``KeyError``."""
    return Parameter(operation, children=_members(_blocks()[operation]))


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
