"""The routes that the emulator plays, of all resource modules, and the answers to all other requests."""

from __future__ import annotations

from functools import cache

from django_checkout.emulator.api.calls import Route
from django_checkout.emulator.api.declared import declared
from django_checkout.emulator.api.document import Parameter, operations, parameters_of
from django_checkout.emulator.messages import ApiError, not_implemented

HELP = "Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
#: Public reports of this error: stripe/stripe-dotnet#1827, stripe/stripe-php#598.
TRAILING_SLASH = (
    "If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure "
    f"you passed a valid (non-empty) identifier in your code. {HELP}"
)


ROUTES: dict[str, Route] = declared("ROUTES")


@cache
def table(route: str) -> Parameter:
    """Return the parameters of a route, with what it does not play marked."""
    played, parameters = ROUTES[route], parameters_of(route)
    for path in played.not_played.split():
        parameters.find(path).is_played = False
    for path, names in played.only.items():
        parameter, only = parameters.find(path), names.split()
        if not parameter.children:
            parameter.values = tuple(only)
        for child in parameter.children.values():
            child.is_played = child.name in only
    return parameters


@cache
def _by_length() -> dict[tuple[str, int], list[tuple[list[str], str]]]:
    """Return the segments of all operations by method and number of segments, those with the fewest ids first."""
    found: dict[tuple[str, int], list[tuple[list[str], str]]] = {}
    for name in sorted(operations(), key=lambda name: name.count("{")):
        method, _, path = name.partition(" ")
        segments = path.split("/")
        found.setdefault((method, len(segments)), []).append((segments, name))
    return found


def find_operation(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """Return Stripe's operation for a request, played or not, and the ids in its path, or None."""
    given = path.split("/")
    for segments, name in _by_length().get((method, len(given)), ()):
        pairs = list(zip(segments, given, strict=True))
        if all(value and (step == value or step[:1] == "{") for step, value in pairs[1:]):
            return name, {step[1:-1]: value for step, value in pairs if step[:1] == "{"}
    return None


def find_route(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the route of a request and the ids in its path.

    Raises Stripe's ``ApiError`` for an unknown URL, and the emulator's own for an operation that it does not play.
    """
    found = find_operation(method, path)
    if found is None:
        message = TRAILING_SLASH if path.endswith("/") and find_operation(method, path.rstrip("/")) else HELP
        raise ApiError(f"Unrecognized request URL ({method}: {path}). {message}", status=404)
    if found[0] not in ROUTES:
        raise not_implemented(f"the operation {found[0]}")
    return found
