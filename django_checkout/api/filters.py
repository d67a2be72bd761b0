"""Filters, sorts and paginates lists. Each view declares the parameters that it allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from django_checkout.api.base import CheckoutView

MAXIMUM_PAGE = 100
MAXIMUM_VALUE = 255
PAGING = ("cursor", "limit", "ordering")


class Cursor(CursorPagination):
    """Pages of up to 100 rows, with the same number of queries for each page."""

    page_size = 25
    page_size_query_param = "limit"
    max_page_size = MAXIMUM_PAGE
    ordering = "-id"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, TypeError, OverflowError, DjangoValidationError) as error:
            # The cursor is forged or belongs to another ordering.
            raise NotFound(self.invalid_cursor_message) from error

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        described = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            # OpenAPI 3.1 has no ``nullable``.
            described["properties"][name] |= {"type": ["string", "null"]}
            del described["properties"][name]["nullable"]
        return {**described, "required": ["next", "previous", "results"]}


class DeclaredFilters(BaseFilterBackend):
    """Filters by the view's ``filters``, e.g. ``{"created_after": "created_at__gte"}``; refuses other parameters."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        for name in request.query_params:
            value = request.query_params[name]
            if name in PAGING:
                continue
            if name == "q" and view.search:
                queryset = queryset.filter(_search(view.search, _text(name, value)))
            elif name in view.filters:
                lookup = view.filters[name]
                queryset = queryset.filter(**{lookup: _value(name, lookup, value)})
            else:
                raise _refused(name, "unknown_parameter", "Unknown parameter.")
        ordering = self.get_ordering(request, queryset, view)
        return queryset.order_by(*ordering)

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Sequence[str]:
        """Return the columns that the rows are sorted by; the cursor needs them too."""
        ordering = request.query_params.get("ordering", view.orderings[0])
        if ordering not in view.orderings:
            raise _refused("ordering", "invalid_choice", f"Must be one of: {', '.join(view.orderings)}.")
        return (ordering,)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters for the OpenAPI document."""
        found = [_parameter("ordering", {"type": "string", "enum": list(view.orderings)}, "The sort order.")]
        if view.search:
            found.append(
                _parameter(
                    "q",
                    {"type": "string", "maxLength": MAXIMUM_VALUE},
                    "The start of a reference or an email address, or an ID.",
                )
            )
        for name, lookup in view.filters.items():
            schema = _schema(lookup)
            found.append(_parameter(name, {**schema, **view.choices.get(name, {})}, ""))
        return found


class ListView(CheckoutView):
    """A list that is filtered, sorted and paginated."""

    serializer_class: type[BaseSerializer[Any]]
    filters: dict[str, str] = {}
    choices: dict[str, dict[str, Any]] = {}
    search: tuple[str, ...] = ()
    orderings: tuple[str, ...] = ("-id", "id")
    filter_backends = [DeclaredFilters]
    pagination_class = Cursor

    @property
    def paginator(self) -> Cursor:
        """The paginator, where drf-spectacular looks for it."""
        return self.pagination_class()

    def page(self, rows: QuerySet[Any]) -> Response:
        """Return the response with a page of rows."""
        paginator = self.paginator
        found = paginator.paginate_queryset(
            DeclaredFilters().filter_queryset(self.request, rows, self), self.request, self
        )
        shown = self.serializer_class(found, many=True, context={"request": self.request}).data
        return paginator.get_paginated_response(shown)


def _value(name: str, lookup: str, value: str) -> Any:
    value = _text(name, value)
    if _schema(lookup).get("type") == "boolean":
        if value not in ("true", "false"):
            raise _refused(name, "invalid", "Must be true or false.")
        return value == "true"
    if _schema(lookup).get("format") == "date-time":
        try:
            instant = parse_datetime(value)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            raise _refused(name, "invalid", "Must be an RFC 3339 timestamp with an offset.")
        return instant
    return value


def _text(name: str, value: str) -> str:
    if len(value) > MAXIMUM_VALUE or not value.isprintable():
        raise _refused(name, "invalid", f"Must be at most {MAXIMUM_VALUE} printable characters.")
    return value


def _search(columns: Sequence[str], value: str) -> Q:
    found = Q()
    for column in columns:
        found |= Q(**{column: value})
    return found


def _schema(lookup: str) -> dict[str, Any]:
    if lookup.endswith(("_at__gte", "_at__lte")):
        return {"type": "string", "format": "date-time"}
    if lookup.rpartition("__")[2].startswith(("is_", "needs_")) or lookup in ("disputed", "livemode"):
        return {"type": "boolean"}
    return {"type": "string", "maxLength": MAXIMUM_VALUE}


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _refused(name: str, code: str, message: str) -> ValidationError:
    return ValidationError({name: [message]}, code=code)
