"""What the emulator plays of Stripe's API, operation by operation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby

from django_checkout.emulator.api.document import operations
from django_checkout.emulator.api.routes import ROUTES

PLAYED, PARTLY, NOT_PLAYED = "played", "partly", "not played"
#: The parts of paths that contain resources.
NAMESPACES = [
    "apps",
    "billing",
    "billing_portal",
    "checkout",
    "climate",
    "core",
    "entitlements",
    "financial_connections",
    "forwarding",
    "identity",
    "issuing",
    "money_management",
    "radar",
    "reporting",
    "sigma",
    "tax",
    "terminal",
    "test_helpers",
    "treasury",
    "vault",
    "commerce",
    "product_catalog",
]


@dataclass(frozen=True, slots=True)
class Coverage:
    """One operation. ``lacks`` names the parameters, members and values that are not played."""

    operation: str
    resource: str
    state: str
    lacks: tuple[str, ...] = ()


def coverage() -> list[Coverage]:
    """Return the coverage of every operation, sorted by resource and path."""
    found = [_coverage(name) for name in operations()]
    return sorted(found, key=lambda row: (row.resource, row.operation.partition(" ")[2], row.operation))


def as_json() -> list[dict[str, object]]:
    """Return the coverage as JSON."""
    return [asdict(row) for row in coverage()]


def summary() -> str:
    """Return how many operations are played."""
    states = [row.state for row in coverage()]
    counts = ", ".join(f"{states.count(state)} {state}" for state in (PLAYED, PARTLY, NOT_PLAYED))
    return f"{len(states)} operations of Stripe's API: {counts}"


def as_text() -> Iterator[str]:
    """Yield the lines of the table for a terminal, and the summary."""
    for resource, rows in groupby(coverage(), lambda row: row.resource):
        group = list(rows)
        done = sum(row.state != NOT_PLAYED for row in group)
        yield f"{resource} ({done} of {len(group)})"
        for row in group:
            lacks = f"; not: {', '.join(row.lacks)}" if row.lacks else ""
            yield f"  {row.operation}: {row.state}{lacks}"
    yield summary()


def as_markdown() -> Iterator[str]:
    """Yield the tables of ``docs/emulator/coverage.md``: one for each resource of which something is played."""
    without = []
    for resource, rows in groupby(coverage(), lambda row: row.resource):
        group = list(rows)
        if all(row.state == NOT_PLAYED for row in group):
            without.append(resource)
            continue
        yield from ("", f"## {resource}", "", "| operation | | not played |", "|---|---|---|")
        for row in group:
            yield f"| `{row.operation}` | {row.state} | {', '.join(f'`{name}`' for name in row.lacks)} |"
    yield from ("", "## Resources that are not played", "")
    yield from (f"* {resource}" for resource in without)


def _coverage(operation: str) -> Coverage:
    resource = _resource(operation.partition(" ")[2])
    route = ROUTES.get(operation)
    if route is None:
        return Coverage(operation, resource, NOT_PLAYED)
    others = (f"{path} other than {' '.join(names.split())}" for path, names in route.only.items())
    lacks = (*route.not_played.split(), *others)
    return Coverage(operation, resource, PARTLY if lacks else PLAYED, lacks)


def _resource(path: str) -> str:
    """Return the resource of a path, such as ``checkout/sessions`` for the line items of a session."""
    _, version, *steps = path.split("/")
    kept = ["v2"] if version == "v2" else []
    for step in steps:
        kept.append(step)
        if step not in NAMESPACES:
            break
    return "/".join(kept)
