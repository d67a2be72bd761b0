"""schemathesis with Stripe's document against an emulator on a socket: no request makes it fail.

``GENERATED_EXAMPLES`` is the number of requests to each operation.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_checkout.emulator import Emulator, Response
from django_checkout.emulator.server import EmulatorServer
from tests.conformance import document
from tests.conformance.fixtures import session_validator, validator
from tests.conformance.generating import NOW, Played, SeenIds
from tests.conformance.validator import Validator
from tests.conformance.visits import visit_every_route
from tests.emulator.conftest import client_of
from tests.emulator.fuzzing import check_response, restored
from tests.encoding import encode, fields
from tests.serving import serving

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

__all__ = ["session_validator", "validator"]

pytestmark = [pytest.mark.conformance, pytest.mark.slow]

EXAMPLES = int(os.environ.get("GENERATED_EXAMPLES", "12"))
HEADERS = {
    "Authorization": "Bearer sk_test_generated",
    "Content-Type": "application/x-www-form-urlencoded",
    "Stripe-Version": document.VERSION,
}
#: The server's own response to the longest URLs.
TOO_LONG = 414


@pytest.fixture
def visited() -> Iterator[tuple[Emulator, SeenIds]]:
    """An emulator after a call of every route, and the ids in these calls."""
    requests, handle = [], Emulator.handle
    with closing(Emulator(wall=lambda: NOW)) as emulator:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Emulator, "handle", lambda self, request: requests.append(request) or handle(self, request))
            visit_every_route(client_of(emulator), emulator)
        yield emulator, SeenIds(requests)


def ids_by_type(emulator: Emulator) -> dict[str, list[str]]:
    """Return the ids of all objects by the last word of their types, which is how parameters are called."""
    found = defaultdict(list)
    for kind, object_id in emulator.store._connection.execute("SELECT object, id FROM objects ORDER BY seq"):
        found[kind.rpartition(".")[2]].append(object_id)
    return found


class Client:
    """Sends generated requests to a server, and checks its responses."""

    def __init__(self, server: EmulatorServer, validator: Validator) -> None:
        self._server, self._validator = server, validator
        self._clean = server.emulator.store._connection.serialize()
        #: How often each status was received.
        self.statuses: Counter[int] = Counter()

    def check(self, case: schemathesis.Case) -> None:
        """Raise an ``AssertionError`` for a response that is not valid, and an ``OSError`` for none."""
        method, body = case.method.upper(), case.body if isinstance(case.body, dict) else {}
        # As Stripe's libraries, which send the parameters of DELETE in the query.
        query = encode(fields({**case.query, **(body if method == "DELETE" else {})}))
        url = f"{case.formatted_path}?{query}" if query else case.formatted_path
        with restored(self._server.emulator, self._clean):
            response = self._send(method, url, encode(fields(body)) if method == "POST" else None)
        self.statuses[response.status] += 1
        if response.status == TOO_LONG:
            return
        try:
            check_response(response)
            if response.status == 200:
                self._validator.check_response(method, url, 200, response.body)
                self._validator.raise_faults()
        except Exception as error:
            error.add_note(f"{method} {url} {encode(fields(body))}: {response.status}")
            raise

    def _send(self, method: str, url: str, body: str | None) -> Response:
        address = self._server.server_address
        with closing(HTTPConnection(address[0], address[1], timeout=30)) as connection:
            connection.request(method, url, body, HEADERS)
            answer = connection.getresponse()
            return Response(status=answer.status, headers=dict(answer.headers), body=answer.read())


def fault_of(operation, client: Client) -> str:
    """Return the first fault in the responses to generated requests, or nothing."""
    valid, invalid = (operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(valid, valid, invalid))
    def check(case):
        client.check(case)

    try:
        check()
    except Exception as error:
        notes = "\n".join(getattr(error, "__notes__", ()))
        return f"{type(error).__name__}: {str(error)[:500]}\n{notes[:1500]}"
    return ""


def test_no_generated_request_makes_the_emulator_fail(visited, validator):
    emulator, seen = visited
    played = Played(document.load(), seen, ids_by_type(emulator))
    operations = [found.ok() for found in schemathesis.openapi.from_dict(played.document).get_all_operations()]
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
        client = Client(server, validator)
        faults = {operation.label: fault_of(operation, client) for operation in operations}

    assert {name: fault for name, fault in faults.items() if fault} == {}
    # If nearly all were refused, little would be tested.
    assert client.statuses[200] > sum(client.statuses.values()) // 20
