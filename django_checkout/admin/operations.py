"""Operations on a row: each is a POST to its own URL that calls one service, is logged, and redirects to the row.

The URLs are outside Django's atomic change form and ATOMIC_REQUESTS, because services that call Stripe refuse to run
inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from django_checkout.admin import deferred
from django_checkout.admin.base import FactsAdmin
from django_checkout.exceptions import CheckoutError, StripeError, StripeUnansweredError
from django_checkout.models import database
from django_checkout.pages.responses import SeeOther

M = TypeVar("M", bound=models.Model)
Subject = TypeVar("Subject")

#: The errors of services that staff can act on; their messages are shown.
EXPECTED_ERRORS = (CheckoutError, ImproperlyConfigured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[Subject]):
    """One thing that staff can do to a row; ``Subject`` is what its functions receive."""

    #: Part of the URL.
    name: str
    label: Promise | str
    #: What it does, in a sentence, shown with the button.
    hint: Promise | str
    #: Runs it and returns the message for the user and the log. ``values`` is the form's cleaned data.
    run: Callable[[HttpRequest, Subject, Mapping[str, Any]], str]
    is_offered: Callable[[Subject], bool]
    #: ``operate`` or ``refund``.
    permission: str = "operate"
    #: The form to submit first.
    form: Callable[[Subject, Mapping[str, Any] | None], forms.Form] | None = None
    #: It cannot be undone.
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """An operation on a page."""

    operation: Operation[Any]
    url: str
    form: forms.Form | None


class OperableAdmin(FactsAdmin[M]):
    """A read-only page with buttons for its operations."""

    operations: ClassVar[tuple[Operation[Any], ...]] = ()
    change_form_template = "admin/django_checkout/change_form.html"

    def get_subject(self, row: M) -> Any:
        """Return what the operations of this model receive."""
        return row

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.operate_view)
        operate = path("<path:object_id>/operate/<slug:name>/", view, name=self._operate_url_name)
        return [operate, *super().get_urls()]

    @property
    def _operate_url_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_operate"

    def buttons(self, request: HttpRequest, row: M, subject: Any) -> list[Button]:
        """Return the operations that this user can run on this row now."""
        return [
            Button(
                operation=operation,
                url=reverse(
                    f"admin:{self._operate_url_name}",
                    args=[quote(row.pk), operation.name],
                    current_app=self.admin_site.name,
                ),
                form=operation.form(subject, None) if operation.form else None,
            )
            for operation in self.operations
            if self._has_permission(request, operation) and operation.is_offered(subject)
        ]

    def page_context(self, request: HttpRequest, row: M) -> dict[str, Any]:
        return {"checkout_buttons": self.buttons(request, row, self.get_subject(row))}

    @database.non_atomic
    def operate_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Show the form of an operation, or run it and show the result."""
        operation = next((known for known in self.operations if known.name == name), None)
        if operation is None:
            raise Http404
        if not self.has_view_permission(request) or not self._has_permission(request, operation):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        subject = self.get_subject(row)
        is_post = request.method == "POST"
        form = None
        if operation.form is not None:
            form = operation.form(subject, request.POST if is_post else None)
        if not is_post:
            if form is None:
                return HttpResponseNotAllowed(["POST"])
            if not operation.is_offered(subject):
                messages.warning(
                    request,
                    _("“%(label)s” is no longer possible: the status has changed.") % {"label": operation.label},
                )
                return SeeOther(self.url_of(row))
            return self._form_page(request, row, operation, form)
        if form is not None and not form.is_valid():
            return self._form_page(request, row, operation, form)
        self._operate(request, row, operation, subject, form.cleaned_data if form else {})
        return SeeOther(self.url_of(row))

    def _operate(
        self, request: HttpRequest, row: M, operation: Operation[Any], subject: Any, values: Mapping[str, Any]
    ) -> None:
        try:
            done = operation.run(request, subject, values)
        except StripeUnansweredError as error:
            unanswered = _("%(label)s: unanswered. Stripe has not confirmed it. %(next_step)s")
            shown = unanswered % {"label": operation.label, "next_step": error.next_step}
            self.log_change(request, row, shown)
            messages.warning(request, shown)
        except EXPECTED_ERRORS as error:
            failed = _("%(label)s failed: %(error)s") % {"label": operation.label, "error": describe_error(error)}
            self.log_change(request, row, failed)
            messages.error(request, failed)
        else:
            self.log_change(request, row, done)
            messages.success(request, done)
        deferred.statistics_cache.clear()

    def _form_page(self, request: HttpRequest, row: M, operation: Operation[Any], form: forms.Form) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(label)s: %(row)s") % {"label": operation.label, "row": row},
            "opts": self.opts,
            "original": row,
            "row_url": self.url_of(row),
            "button": Button(operation=operation, url=request.path, form=form),
            "media": self.media,
            "has_view_permission": True,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/django_checkout/operate.html", context)

    def _has_permission(self, request: HttpRequest, operation: Operation[Any]) -> bool:
        if operation.permission == "refund":
            return self.has_refund_permission(request)
        return self.has_operate_permission(request)


def describe_error(error: Exception) -> str:
    """Return the message of an error, with the ID of the request to Stripe if there is one."""
    message = str(error)
    if isinstance(error, StripeError) and error.request_id and error.request_id not in message:
        return f"{message} ({error.request_id})"
    return message
