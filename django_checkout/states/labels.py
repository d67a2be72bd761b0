"""The bases of enumerations: their values have labels, and tones or explanations.

Columns hold plain text, because Stripe adds values to its enumerations: ``label_of`` and ``tone_of`` accept any value.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from django.db.models import TextChoices
from django.utils.text import capfirst


class Tone(StrEnum):
    """What a value means to the merchant; badges, tiles and the timeline are colored by it."""

    GOOD = "good"
    #: Something has yet to happen.
    WAIT = "wait"
    #: A person should look at it.
    BAD = "bad"
    QUIET = "quiet"


class Labeled(TextChoices):
    """An enumeration whose values have labels."""

    @classmethod
    def label_of(cls, value: str) -> str:
        """Return the label of a value; a value that this version does not know is shown in Stripe's words."""
        return str(cls(value).label) if value in cls else value.replace("_", " ")


class Status(Labeled):
    """An enumeration whose values have a tone and a label: ``PAID = "paid", Tone.GOOD, _("paid")``."""

    tone: Tone

    def __new__(cls, value: str, tone: Tone | None = None) -> Self:
        if tone is None:  # Optional to the type checker only, which takes ``OrderStatus("paid")`` for this call.
            raise TypeError(f"{cls.__name__}: {value} has no tone.")
        member = str.__new__(cls, value)
        member._value_ = value
        member.tone = tone
        return member

    @classmethod
    def tone_of(cls, value: str) -> Tone:
        """Return the tone of a value."""
        return next((member.tone for member in cls if member == value), Tone.QUIET)


class Explained(Labeled):
    """An enumeration whose values have an explanation and a label."""

    explanation: str

    def __new__(cls, value: str, explanation: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member

    @classmethod
    def explanation_of(cls, value: str) -> str:
        """Return the explanation of a value, or "" if this version has none."""
        return next((str(member.explanation) for member in cls if member == value), "")

    @classmethod
    def label_of(cls, value: str) -> str:
        return str(capfirst(super().label_of(value)))


def find_label(value: str, *kinds: type[Labeled]) -> str:
    """Return the label of a value in the first of these enumerations that has it."""
    return next((kind.label_of(value) for kind in kinds if value in kind), value.replace("_", " "))
