"""What notifications and events have in common: retry now, and waive with a note, one or many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_checkout.admin import deferred
from django_checkout.admin.forms import NoteActionForm, NoteForm, posted_note
from django_checkout.admin.operations import EXPECTED_ERRORS, OperableAdmin, Operation
from django_checkout.pages.responses import SeeOther

M = TypeVar("M", bound=models.Model)

#: A retry runs the shop's code while the browser waits.
MAXIMUM_RETRIES = 50
MAXIMUM_WAIVED = 1000


class WaiveForm(NoteForm):
    """Asks why it is waived."""


def waive_operation(waive: Callable[..., None], is_pending: Callable[[Any], bool]) -> Operation[Any]:
    """Return the operation that waives one row."""

    def run(request: HttpRequest, row: Any, values: Mapping[str, Any]) -> str:
        waive(row, values["note"], by=request.user)
        return _("Waived: %(note)s") % {"note": values["note"]}

    return Operation(
        name="waive",
        label=gettext_lazy("Waive"),
        hint=gettext_lazy("Counts it as settled without doing it, and records who decided that and why."),
        run=run,
        is_offered=is_pending,
        form=WaiveForm,
    )


class PendingAdmin(OperableAdmin[M]):
    """A list whose pending rows can be retried and waived."""

    actions = ("retry_selected", "waive_selected")
    action_form = NoteActionForm

    def pending(self, rows: QuerySet[M]) -> QuerySet[M]:
        """Return the rows that can be retried and waived."""
        raise TypeError("Each list has its own.")

    def retry(self, row: M) -> bool:
        """Try a row again; return whether it succeeded."""
        raise TypeError("Each list has its own.")

    def waive(self, row: M, note: str, *, by: Any) -> None:
        """Waive a row."""
        raise TypeError("Each list has its own.")

    @admin.action(description=gettext_lazy("Retry now"), permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[M]) -> HttpResponse:
        """Retry the selected rows that are pending. If one fails, the others are still tried."""
        rows = list(self.pending(queryset)[: MAXIMUM_RETRIES + 1])
        done = failed = 0
        for row in rows[:MAXIMUM_RETRIES]:
            is_done = self.retry(row)
            done, failed = done + is_done, failed + (not is_done)
            self.log_change(request, row, _("Retried: done.") if is_done else _("Retried: failed again."))
        deferred.statistics_cache.clear()
        level = messages.WARNING if failed else messages.SUCCESS
        messages.add_message(
            request, level, _("%(done)d done, %(failed)d failed again.") % {"done": done, "failed": failed}
        )
        if len(rows) > MAXIMUM_RETRIES:
            more = _("Only the first %(count)d were tried. Run checkout_process_events --now to try all of them.")
            messages.warning(request, more % {"count": MAXIMUM_RETRIES})
        return SeeOther(request.get_full_path())

    @admin.action(description=gettext_lazy("Waive with the note"), permissions=["operate"])
    def waive_selected(self, request: HttpRequest, queryset: QuerySet[M]) -> HttpResponse:
        """Waive the selected rows that are pending."""
        note = posted_note(request)
        if not note:
            return SeeOther(request.get_full_path())
        rows = list(self.pending(queryset)[: MAXIMUM_WAIVED + 1])
        count = 0
        for row in rows[:MAXIMUM_WAIVED]:
            try:
                self.waive(row, note, by=request.user)
            except EXPECTED_ERRORS:
                # It was settled in the meantime.
                continue
            self.log_change(request, row, _("Waived: %(note)s") % {"note": note})
            count += 1
        deferred.statistics_cache.clear()
        messages.success(request, _("Waived: %(count)d.") % {"count": count})
        if len(rows) > MAXIMUM_WAIVED:
            more = _("Only the first %(count)d were waived. Run the action again for the rest.")
            messages.warning(request, more % {"count": MAXIMUM_WAIVED})
        return SeeOther(request.get_full_path())
