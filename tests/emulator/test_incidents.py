from __future__ import annotations

import json
import threading
import time
from email.utils import parsedate_to_datetime

import pytest
import requests
import stripe

from django_checkout.emulator import ApiError, Emulator
from django_checkout.emulator.incidents import OUTAGES
from django_checkout.emulator.server import EmulatorServer
from tests.serving import serving

from .conftest import API_VERSION, SECRET, Visitor, client_of, session_params, text_of

PARAMS = session_params()
KEY = "sk_test_of_the_shop"


@pytest.fixture
def server(emulator):
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as made:
        yield made


def over_sockets(server, timeout=30):
    return stripe.StripeClient(
        KEY,
        stripe_version=API_VERSION,
        http_client=stripe.RequestsClient(timeout=timeout),
        base_addresses={"api": server.url},
    )


def control(server, key=KEY, **form):
    headers = {"Authorization": f"Bearer {key}"}
    return requests.post(f"{server.url}/control/", data=form, headers=headers, timeout=30)


@pytest.mark.parametrize("outage", [outage for outage in OUTAGES if outage not in ("", "hang")])
def test_an_outage_lasts_until_it_is_ended(emulator, server, outage):
    client = over_sockets(server)
    emulator.incidents.start_outage(outage)

    for _ in range(3):
        # The library logs a body before it reads it, and raises the error of decoding one that is not text.
        with pytest.raises((stripe.StripeError, UnicodeDecodeError)):
            client.v1.checkout.sessions.list()
    emulator.incidents.end()

    assert client.v1.checkout.sessions.list().data == []


def test_an_outage_is_limited_to_matching_requests(emulator, client, paid):
    intent = paid()
    emulator.incidents.start_outage("unavailable", match="POST /v1/refunds*")

    with pytest.raises(stripe.APIError):
        client.v1.refunds.create({"payment_intent": intent})

    assert client.v1.payment_intents.retrieve(intent).status == "succeeded"


def test_a_hanging_api_accepts_and_does_not_answer(emulator, server):
    emulator.incidents.start_outage("hang")

    with pytest.raises(stripe.APIConnectionError) as caught:
        over_sockets(server, timeout=1).v1.checkout.sessions.create(PARAMS)

    assert isinstance(caught.value.__cause__, requests.exceptions.ReadTimeout)
    assert requests.get(f"{server.url}/control/", timeout=30).status_code == 200
    emulator.incidents.end()
    assert over_sockets(server).v1.checkout.sessions.list().data == []


def test_requests_that_hang_end_with_the_incident(emulator, server):
    emulator.incidents.start_outage("hang")
    threading.Timer(0.3, emulator.incidents.end).start()

    with pytest.raises(stripe.APIConnectionError):
        over_sockets(server, timeout=600).v1.checkout.sessions.list()


def test_whoever_waits_for_the_end_of_hanging_is_woken(emulator):
    emulator.incidents.start_outage("hang")
    assert emulator.incidents.wait_for_end(0.01)

    threading.Timer(0.1, emulator.incidents.end).start()

    assert not emulator.incidents.wait_for_end(600)


def test_half_an_answer_is_to_a_request_that_was_performed(emulator, client):
    emulator.incidents.start_outage("half")
    with pytest.raises(stripe.APIError):
        client.v1.checkout.sessions.create(PARAMS)

    emulator.incidents.end()

    assert len(client.v1.checkout.sessions.list().data) == 1


def test_an_unknown_outage_is_refused(emulator):
    with pytest.raises(ValueError, match="choose one of hang"):
        emulator.incidents.start_outage("flood")


def test_a_revoked_key_is_refused_and_another_one_works(emulator):
    old, new = client_of(emulator, "sk_test_the_first_key"), client_of(emulator, "sk_test_the_second_key")
    old.v1.checkout.sessions.list()
    assert emulator.incidents.revoke_keys() == 1

    with pytest.raises(stripe.AuthenticationError) as caught:
        old.v1.checkout.sessions.list()

    assert caught.value.json_body["error"]["code"] == "api_key_expired"
    assert "first" not in str(caught.value)
    assert new.v1.checkout.sessions.list().data == []
    emulator.incidents.end()
    assert old.v1.checkout.sessions.list().data == []


def test_keys_are_told_apart_by_their_ending(emulator):
    one, other = client_of(emulator, "sk_test_of_the_site_0001"), client_of(emulator, "sk_test_of_the_site_0002")
    for client in (one, other):
        client.v1.checkout.sessions.list()

    assert emulator.incidents.revoke_keys("0002") == 1

    assert one.v1.checkout.sessions.list().data == []
    with pytest.raises(stripe.AuthenticationError):
        other.v1.checkout.sessions.list()


def test_a_restricted_key_may_not_do_what_is_named(emulator, client, paid):
    intent = paid()
    emulator.incidents.restrict_keys("POST /v1/refunds*")

    # Before the parameters are read, as at Stripe.
    with pytest.raises(stripe.PermissionError) as caught:
        client.v1.refunds.create({})

    assert caught.value.http_status == 403
    assert caught.value.json_body["error"]["code"] == "more_permissions_required"
    assert "'rak_refund_write' permission" in str(caught.value)
    assert client.v1.refunds.list().data == []
    assert client.v1.payment_intents.retrieve(intent).status == "succeeded"


def verifies(delivery, secret):
    try:
        stripe.Webhook.construct_event(delivery.body, delivery.signature, secret)
    except stripe.SignatureVerificationError:
        return False
    return True


def test_a_rolled_secret_signs_at_once(emulator, paid):
    paid()

    new = emulator.roll_secret()

    (delivery, *_) = emulator.pending_deliveries()
    assert verifies(delivery, new)
    assert not verifies(delivery, SECRET)


def test_a_rolled_secret_and_the_old_one_sign_while_they_overlap(emulator, paid):
    paid()
    new = emulator.roll_secret(secret="whsec_chosen", overlap_seconds=3600)

    (delivery, *_) = emulator.pending_deliveries()
    assert new == "whsec_chosen"
    assert verifies(delivery, new)
    assert verifies(delivery, SECRET)

    emulator.clock.advance(3601)
    (delivery, *_) = emulator.pending_deliveries()
    assert verifies(delivery, new)
    assert not verifies(delivery, SECRET)


def test_the_secret_of_an_endpoint_of_the_api_is_rolled(emulator, client, paid):
    made = client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    paid()

    new = emulator.roll_secret(made.id)

    delivery = next(one for one in emulator.pending_deliveries() if one.endpoint_id == made.id)
    assert verifies(delivery, new)
    assert not verifies(delivery, made.secret)


def test_an_old_secret_is_kept_for_a_day_at_most(emulator):
    with pytest.raises(ApiError):
        emulator.roll_secret(overlap_seconds=24 * 3600 + 1)
    with pytest.raises(ApiError):
        emulator.roll_secret("we_none")


def test_a_disabled_endpoint_gets_neither_new_events_nor_retries(emulator, client, paid):
    made = client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    paid()
    number = len(emulator.events())
    assert emulator.disable_endpoint() == made.id
    paid()

    statuses = emulator.deliver_to(lambda body, headers: 200, endpoint_id=made.id)
    emulator.deliver_to(lambda body, headers: 200)

    assert statuses == []
    assert client.v1.webhook_endpoints.retrieve(made.id).status == "disabled"
    # What was on its way when the endpoint was disabled stays undelivered; what followed had nowhere to go.
    assert len(client.v1.events.list({"delivery_success": False, "limit": 100}).data) == number
    assert emulator.enable_endpoint() == made.id
    paid()
    assert len(emulator.deliver_to(lambda body, headers: 200, endpoint_id=made.id)) == number


def test_events_of_the_other_mode_are_delivered_until_this_is_ended(emulator, paid):
    paid()
    emulator.incidents.is_other_mode = True
    assert all(json.loads(delivery.body)["livemode"] for delivery in emulator.pending_deliveries())

    emulator.incidents.end()

    assert not any(json.loads(delivery.body)["livemode"] for delivery in emulator.pending_deliveries())


@pytest.mark.parametrize("seconds", [600, -600])
def test_a_wrong_clock_signs_events_and_dates_responses(emulator, client, paid, seconds):
    emulator.clock.correct(seconds)
    paid()

    now = time.time() + seconds
    (delivery, *_) = emulator.pending_deliveries()
    signed_at = int(delivery.signature.split(",")[0].removeprefix("t="))
    response = client.raw_request("get", "/v1/account")
    assert abs(signed_at - now) < 60
    assert abs(emulator.clock.now() - now) < 60
    assert abs(parsedate_to_datetime(response.headers["Date"]).timestamp() - now) < 60


def test_an_advanced_account_signs_with_the_clock_of_the_server(emulator, paid):
    emulator.clock.advance(24 * 3600)
    paid()

    (delivery, *_) = emulator.pending_deliveries()

    assert verifies(delivery, SECRET)


def test_the_controls_answer_json_to_a_test_key(server, emulator, make_session):
    session = make_session()

    paid = control(server, action="pay", id=session.id)
    status = requests.get(f"{server.url}/control/", headers={"Authorization": f"Bearer {KEY}"}, timeout=30).json()

    assert paid.json()["result"]["status"] == "paid"
    assert emulator.get(session.id)["status"] == "complete"
    assert (status["outage"], status["advanced_seconds"]) == ("", 0)
    # The endpoint without a URL is not counted: it is for callers that post themselves.
    assert (status["deliveries"], status["due_deliveries"], status["endpoints"]) == ({}, 0, [])


def test_the_controls_count_deliveries(client, server, emulator, paid):
    made = client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    paid()

    status = requests.get(f"{server.url}/control/", headers={"Authorization": f"Bearer {KEY}"}, timeout=30).json()

    assert status["deliveries"]["pending"] == status["due_deliveries"] == len(emulator.events())
    assert [endpoint["id"] for endpoint in status["endpoints"]] == [made.id]


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"action": "nothing"}, 400),
        ({"action": "advance"}, 400),
        ({"action": "outage", "kind": "flood"}, 400),
        ({"action": "pay", "id": "cs_none"}, 404),
    ],
)
def test_the_controls_explain_what_they_refuse(server, form, status):
    answer = control(server, **form)

    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("key", ["", "pk_test_x", "sk_live_x"])
def test_the_controls_need_a_test_key(server, emulator, key):
    assert control(server, key, action="outage", kind="hang").status_code == 403
    assert emulator.incidents.outage == ""


def test_every_incident_is_started_and_ended_over_http(server, emulator):
    over_sockets(server).v1.checkout.sessions.list()
    emulator.webhook_url = "http://127.0.0.1:9/"
    for form in (
        {"action": "outage", "kind": "unavailable", "match": "POST *"},
        {"action": "revoke_keys"},
        {"action": "restrict_keys", "match": "GET /v1/events*"},
        {"action": "other_mode", "on": "1"},
        {"action": "correct_clock", "seconds": "-600"},
    ):
        assert control(server, **form).status_code == 200
    status = requests.get(f"{server.url}/control/", headers={"Authorization": f"Bearer {KEY}"}, timeout=30).json()
    assert {name: status[name] for name in ("outage", "outage_match", "other_mode", "correction_seconds")} == {
        "outage": "unavailable",
        "outage_match": "POST *",
        "other_mode": True,
        "correction_seconds": -600,
    }
    assert (status["revoked_keys"], status["restrictions"]) == ([KEY[-4:]], ["GET /v1/events*"])

    control(server, action="end_incidents")

    assert not emulator.incidents.is_active


def test_a_rolled_secret_is_returned_to_whoever_rolls_it_and_shown_nowhere():
    emulator = Emulator(webhook_url="http://127.0.0.1:9/", webhook_secret=SECRET)
    visitor = Visitor(emulator)
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
        client = over_sockets(server)
        made = client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/2/", "enabled_events": ["*"]})
        rolled = control(server, action="roll_secret", id="we_configured").json()["result"]["secret"]
        emulator.incidents.revoke_keys()
        headers = {"Authorization": f"Bearer {KEY}"}
        shown = text_of(visitor.get("/control/")), requests.get(server.url, timeout=30).text
        status = requests.get(f"{server.url}/control/", headers=headers, timeout=30).text
    emulator.close()

    assert rolled.startswith("whsec_")
    for text in (*shown, status):
        assert made.id in text
        assert "we_configured" in text
        assert KEY[-4:] in text
        for secret in (rolled, made.secret, SECRET, KEY):
            assert secret not in text


def test_the_page_starts_and_ends_incidents(emulator, client, visitor):
    client.v1.checkout.sessions.list()
    visitor.send("/control/", action="outage", kind="hang", match="*")
    visitor.send("/control/", action="revoke_keys", match="POST /v1/refunds*")
    visitor.send("/control/", action="restrict_keys", match="POST /v1/refunds*")
    visitor.send("/control/", action="other_mode", on="1")

    text = text_of(visitor.get("/control/"))

    for shown in ("hang", "revoked key", "POST /v1/refunds*", "events of the other mode."):
        assert shown in text
    assert visitor.send("/control/", action="end_incidents").status == 303
    assert not emulator.incidents.is_active
