"""Spans: around every call to Stripe and every event, with ids and nothing that tells who bought what."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from django_checkout import services, telemetry
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.testing import post_event

pytestmark = [pytest.mark.django_db, pytest.mark.core]


class Tracer:
    """Takes spans as OpenTelemetry's tracer does, and remembers them."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, dict]] = []

    @contextmanager
    def start_as_current_span(self, name, attributes, record_exception):
        assert record_exception is False
        noted = dict(attributes)
        self.spans.append((name, noted))
        yield type("Span", (), {"set_attribute": lambda self, key, value: noted.__setitem__(key, value)})()

    def named(self, name) -> list[dict]:
        return [noted for known, noted in self.spans if known == name]


@pytest.fixture
def tracer(monkeypatch):
    """A tracer in the place of OpenTelemetry's."""
    made = Tracer()
    monkeypatch.setattr(telemetry, "find_tracer", lambda: made)
    return made


def test_calls_and_events_are_spans(order, stripe_emulator, deliver_events, tracer):
    session = services.start(order)
    stripe_emulator.pay(session.stripe_id, email="quince@example.com")
    deliver_events()
    services.sync(session)

    (created,) = tracer.named("stripe POST /v1/checkout/sessions")
    assert created["http.response.status_code"] == 200
    assert created["stripe.request_id"].startswith("req_")
    assert len(tracer.named("stripe GET /v1/checkout/sessions/{id}")) == 1
    kinds = {noted["stripe.event_type"] for noted in tracer.named("django_checkout.event")}
    assert {"checkout.session.completed", "payment_intent.succeeded"} <= kinds
    assert "quince" not in str(tracer.spans)


def test_failures_are_told_by_their_type(order, stripe_emulator, tracer):
    stripe_emulator.chaos.fail(2, status=503)

    with pytest.raises(StripeUnavailableError):
        services.start(order)
    assert [noted["http.response.status_code"] for _, noted in tracer.spans] == [503, 503]


def test_what_a_block_raises_is_raised_on(tracer):
    with pytest.raises(ValueError, match="quince"), telemetry.span("x", {}):
        raise ValueError("quince@example.com")
    assert tracer.spans == [("x", {"error.type": "ValueError"})]


def test_without_opentelemetry_nothing_is_done(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(telemetry, "import_module", missing)
    telemetry.find_tracer.cache_clear()

    with telemetry.span("x", {"a": 1}) as span:
        span.set_attribute("b", 2)
    assert telemetry.find_tracer() is None
    telemetry.find_tracer.cache_clear()


def test_opentelemetry_takes_the_spans(order, stripe_emulator):
    trace = pytest.importorskip("opentelemetry.trace", reason="opentelemetry-api is not installed")
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter, provider = export.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(sdk.export.SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    telemetry.find_tracer.cache_clear()

    services.start(order)

    (span,) = [span for span in exporter.get_finished_spans() if span.name == "stripe POST /v1/checkout/sessions"]
    assert span.attributes["http.response.status_code"] == 200
    telemetry.find_tracer.cache_clear()


def test_event_whose_object_cannot_be_read_is_a_span_that_failed(paid_order, stripe_emulator, tracer):
    stripe_emulator.open_dispute(paid_order.payments.get().stripe_id)
    (bell,) = stripe_emulator.events("charge.dispute.created")
    stripe_emulator.chaos.fail(2, status=503)

    assert post_event(bell).status_code == 503
    (told,) = tracer.named("django_checkout.event")
    assert (told["stripe.event_id"], told["error.type"]) == (bell["id"], "StripeUnavailableError")
