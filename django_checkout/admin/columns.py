"""Columns of lists and pages that show one attribute of a row."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_checkout.admin import display
from django_checkout.states import Status

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

#: Takes the ``FactsAdmin`` and the row.
Column = Callable[[Any, Any], Any]


def link(label: _StrPromise, path: str) -> Column:
    """Show a link to a related row."""
    related = attrgetter(path)
    return admin.display(lambda model_admin, row: model_admin.link(related(row)), description=label)


def stripe_id(label: _StrPromise, path: str, *, livemode: str = "livemode") -> Column:
    """Show a Stripe ID, linked to Stripe's dashboard."""
    value, mode = attrgetter(path), attrgetter(livemode)
    return admin.display(
        lambda model_admin, row: model_admin.stripe_link(value(row), livemode=mode(row)), description=label
    )


def amount(label: _StrPromise, minor: str, *, currency: str = "currency") -> Column:
    """Show an amount."""
    return admin.display(
        lambda model_admin, row: display.amount_cell(getattr(row, minor), getattr(row, currency)), description=label
    )


def instant(label: _StrPromise, name: str) -> Column:
    """Show a time."""
    return admin.display(
        lambda model_admin, row: display.instant_cell(getattr(row, name)), description=label, ordering=name
    )


def status(kind: type[Status], name: str = "status", *, label: _StrPromise | None = None) -> Column:
    """Show a status as a badge."""
    return admin.display(
        lambda model_admin, row: display.status_badge(kind, getattr(row, name)), description=label or _("status")
    )


def error() -> Column:
    """Show the code and message of an error."""
    return admin.display(
        lambda model_admin, row: " ".join(filter(None, (row.error_code, row.error_message))) or display.DASH,
        description=_("error"),
    )
