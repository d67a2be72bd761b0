"""The label and explanation of a kind of discrepancy, in the active language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_checkout.reconcile import Kind

KINDS = tuple(kind.value for kind in Kind)


def label_of(kind: str) -> str:
    """Return the label of a kind, which another version may have stored."""
    return _(Kind(kind).label) if kind in KINDS else kind.replace("_", " ").capitalize()


def explanation_of(kind: str) -> str:
    """Return what a kind means."""
    if kind in KINDS:
        return _(Kind(kind).explanation)
    return _("This version does not know this kind of difference. Compare both sides below.")
