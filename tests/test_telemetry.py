"""Spans around every call to Stripe and every event, without personal data."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from django_checkout import services
from django_checkout.exceptions import StripeUnavailableError
from django_checkout.telemetry import spans
from django_checkout.testing import post_event

pytestmark = [pytest.mark.django_db, pytest.mark.core]


class Tracer:
    """Records spans through the interface of OpenTelemetry's tracer."""

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
    """A tracer in place of OpenTelemetry's."""
    made = Tracer()
    monkeypatch.setattr(spans, "find_tracer", lambda: made)
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


def test_failed_calls_record_their_status(order, stripe_emulator, tracer):
    stripe_emulator.chaos.fail(2, status=503)

    with pytest.raises(StripeUnavailableError):
        services.start(order)
    assert [noted["http.response.status_code"] for _, noted in tracer.spans] == [503, 503]


def test_exception_is_recorded_by_type_and_re_raised(tracer):
    with pytest.raises(ValueError, match="quince"), spans.span("x", {}):
        raise ValueError("quince@example.com")
    assert tracer.spans == [("x", {"error.type": "ValueError"})]


def test_span_does_nothing_without_opentelemetry(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(spans, "import_module", missing)
    spans.find_tracer.cache_clear()

    with spans.span("x", {"a": 1}) as span:
        span.set_attribute("b", 2)
    assert spans.find_tracer() is None
    spans.find_tracer.cache_clear()


def test_opentelemetry_exports_the_spans(order, stripe_emulator):
    trace = pytest.importorskip("opentelemetry.trace", reason="opentelemetry-api is not installed")
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter, provider = export.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(sdk.export.SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    spans.find_tracer.cache_clear()

    services.start(order)

    (span,) = [span for span in exporter.get_finished_spans() if span.name == "stripe POST /v1/checkout/sessions"]
    assert span.attributes["http.response.status_code"] == 200
    spans.find_tracer.cache_clear()


def test_event_whose_object_cannot_be_read_is_a_failed_span(paid_order, stripe_emulator, tracer):
    stripe_emulator.open_dispute(paid_order.payments.get().stripe_id)
    (event,) = stripe_emulator.events("charge.dispute.created")
    stripe_emulator.chaos.fail(2, status=503)

    assert post_event(event).status_code == 503
    (span,) = tracer.named("django_checkout.event")
    assert (span["stripe.event_id"], span["error.type"]) == (event["id"], "StripeUnavailableError")
