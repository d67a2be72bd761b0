"""The routes that the emulator plays, of all resource modules, and the answers to all other requests."""

from __future__ import annotations

from collections.abc import Container
from functools import cache
from urllib.parse import unquote_plus

from django_checkout.emulator.api.calls import Route
from django_checkout.emulator.api.declared import declared
from django_checkout.emulator.api.document import Parameter, operations, parameters_of, removed_from, undocumented
from django_checkout.emulator.messages import API_VERSION, ApiError, not_implemented

HELP = "Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
#: Public reports of this error: stripe/stripe-dotnet#1827, stripe/stripe-php#598.
TRAILING_SLASH = (
    "If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make sure "
    f"you passed a valid (non-empty) identifier in your code. {HELP}"
)


ROUTES: dict[str, Route] = declared("ROUTES")
#: Those of Stripe's command line, which Stripe's document does not have.
UNDOCUMENTED: dict[str, Route] = declared("UNDOCUMENTED")


def route_of(name: str) -> Route:
    """Return a route that is played. Raises ``KeyError``."""
    return ROUTES[name] if name in ROUTES else UNDOCUMENTED[name]


@cache
def table(route: str, version: str = API_VERSION) -> Parameter:
    """Return the parameters of a route in a version, with what it does not play marked."""
    played, parameters, removed = route_of(route), parameters_of(route, version), removed_from(route, version)
    for path in played.not_played.split():
        if path not in removed:
            parameters.find(path).is_played = False
    for path, names in played.only.items():
        if path in removed:
            continue
        parameter, only = parameters.find(path), names.split()
        if not parameter.children:
            parameter.values = tuple(only)
        for child in parameter.children.values():
            child.is_played = child.name in only
    return parameters


@cache
def _by_length(version: str) -> dict[tuple[str, int], list[tuple[list[str], str]]]:
    """Return the segments of all operations by method and number of segments, those with the fewest ids first."""
    found: dict[tuple[str, int], list[tuple[list[str], str]]] = {}
    for name in sorted((*operations(version), *undocumented()), key=lambda name: name.count("{")):
        method, _, path = name.partition(" ")
        segments = path.split("/")
        found.setdefault((method, len(segments)), []).append((segments, name))
    return found


def find_operation(method: str, path: str, version: str = API_VERSION) -> tuple[str, dict[str, str]] | None:
    """Return Stripe's operation for a request, played or not, and the ids in its path, or None.

    Stripe's libraries quote ids, and some write a space as ``+``.
    """
    given = path.split("/")
    for segments, name in _by_length(version).get((method, len(given)), ()):
        pairs = list(zip(segments, given, strict=True))
        if all(value and (step == value or step[:1] == "{") for step, value in pairs[1:]):
            return name, {step[1:-1]: unquote_plus(value) for step, value in pairs if step[:1] == "{"}
    return None


def find_route(
    method: str, path: str, version: str = API_VERSION, sent: Container[str] = ()
) -> tuple[str, dict[str, str]]:
    """Return the route of a request and the ids in its path.

    Raises Stripe's ``ApiError`` for an unknown URL, and for a parameter of those ``sent`` that the version answers with
    a code of its own; and the emulator's for an operation that it does not play.
    """
    found = find_operation(method, path, version)
    if found is None:
        message = TRAILING_SLASH if path.endswith("/") and find_operation(method, path.rstrip("/"), version) else HELP
        raise ApiError(f"Unrecognized request URL ({method}: {path}). {message}", status=404)
    for name, code in removed_from(found[0], version).items():
        if code and name in sent:
            raise ApiError(f"The parameter `{name}` is no longer supported.", code=code, param=name)
    if found[0] not in ROUTES and found[0] not in UNDOCUMENTED:
        raise not_implemented(f"the operation {found[0]}")
    return found
