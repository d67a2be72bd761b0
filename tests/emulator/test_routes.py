"""Every route of the API is complete: a failure names what a new route lacks."""

from __future__ import annotations

import re
from functools import partial

import pytest

from django_checkout.emulator import Emulator
from django_checkout.emulator.api.calls import list_kind, retrieve
from django_checkout.emulator.api.resources.events import object_url
from django_checkout.emulator.api.resources.search import search_kind
from django_checkout.emulator.api.routes import ROUTES, find_route
from tests.conformance.visits import NOT_VISITED, visit_every_route

DESCRIBED = {route for route in ROUTES if " /v1/" in route}


READING = {name: route.endpoint for name, route in ROUTES.items() if isinstance(route.endpoint, partial)}


@pytest.mark.parametrize("route", READING)
def test_endpoint_that_only_reads_returns_the_objects_of_its_route(route):
    endpoint = READING[route]
    path = route.removeprefix("GET ").partition("/{")[0]

    expected = search_kind if path.endswith("/search") else retrieve if "{" in route else list_kind
    assert endpoint.func is expected
    assert object_url({"id": "", "object": endpoint.args[0]}) == f"{path.removesuffix('/search')}/"


@pytest.mark.parametrize("route", sorted(ROUTES.keys() - READING))
def test_endpoint_is_in_a_resource_module_and_its_docstring_names_the_route(route):
    endpoint = ROUTES[route].endpoint

    assert endpoint.__module__.startswith("django_checkout.emulator.api.resources.")
    assert re.match(r"[A-Z]+ [\w/:]+\b", endpoint.__doc__ or "")[0] == re.sub(r"\{(\w+)\}", r":\1", route)


def test_every_route_has_an_example_in_the_conformance_tests(emulator, client, monkeypatch):
    visited = set()
    handle = Emulator.handle

    def recorded(self, request):
        response = handle(self, request)
        if response.status == 200:
            visited.add(find_route(request.method, request.path)[0])
        return response

    monkeypatch.setattr(Emulator, "handle", recorded)

    visit_every_route(client, emulator)

    assert DESCRIBED - visited == NOT_VISITED, "call these routes in tests/conformance/visits.py"
