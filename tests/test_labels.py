"""Every value has a label, and every status a tone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.dispatch import Signal
from django.utils import translation
from django.utils.functional import Promise

import django_checkout.admin  # noqa: F401  # imports every enumeration
from django_checkout import signals
from django_checkout.states import (
    Attention,
    DisputeStatus,
    IgnoreReason,
    Labeled,
    OrderStatus,
    PaymentStatus,
    SignalName,
    Status,
    Tone,
    find_label,
)

pytestmark = pytest.mark.core


def enumerations(kind: type[Labeled] = Labeled) -> Iterator[type[Labeled]]:
    for below in kind.__subclasses__():
        yield from enumerations(below)
        if len(below) and below.__module__.startswith("django_checkout."):
            yield below


@pytest.mark.parametrize("kind", sorted(enumerations(), key=lambda kind: kind.__name__))
def test_every_value_has_a_label_that_is_translated(kind):
    """Django derives a label from the name of a member that has none."""
    assert [member for member in kind if not isinstance(member.label, Promise)] == []


def test_a_status_needs_a_tone():
    with pytest.raises((TypeError, RuntimeError)) as caught:
        Status("Weather", [("SUNNY", ("sunny", "sunny"))])
    error = caught.value.__cause__ or caught.value
    assert str(error) == "Weather: sunny has no tone."


def test_every_reason_for_attention_is_explained():
    assert [code for code in Attention if not isinstance(code.explanation, Promise)] == []


def test_every_signal_has_a_label():
    assert set(SignalName) == {name for name, signal in vars(signals).items() if isinstance(signal, Signal)}


def test_a_value_that_this_version_does_not_know_is_shown_in_stripe_s_words():
    assert (OrderStatus.label_of("on_the_moon"), OrderStatus.tone_of("on_the_moon")) == ("on the moon", Tone.QUIET)
    assert Attention.label_of("new_reason") == "New reason"
    assert Attention.explanation_of("new_reason") == ""


def test_reason_to_ignore_an_event_of_another_site_is_translated():
    with translation.override("de"):
        assert IgnoreReason.label_of("not_ours") == "gehört nicht zu dieser Website"


def test_a_known_value_has_the_tone_and_label_of_its_enumeration():
    with translation.override("en"):
        assert (DisputeStatus.tone_of("lost"), DisputeStatus.label_of("lost")) == (Tone.BAD, "lost")
        assert find_label("no_payment_required", OrderStatus, PaymentStatus) == "no payment required"
        assert find_label("on_the_moon", OrderStatus, PaymentStatus) == "on the moon"
