"""Paginates long lists on PostgreSQL by the planner's estimate instead of a count."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db import connections
from django.db.models import QuerySet
from django.utils.functional import cached_property

#: Lists that PostgreSQL estimates to be longer than this are not counted.
EXACT_UP_TO = 20_000


# Django's paginator is generic to the type checker only.
if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator


class EstimatingPaginator(_Paginator):
    """Counts short lists, and estimates long lists on PostgreSQL.

    The estimate is as old as the last ANALYZE, so the last page can be empty, or rows can follow it.
    """

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        """The number of rows, counted or estimated."""
        estimate = self.estimate
        return int(super().count) if estimate is None else estimate

    @cached_property
    def estimate(self) -> int | None:
        """The estimated number of rows of a long list, or None."""
        rows = self.object_list
        if connections[rows.db].vendor != "postgresql" or rows.query.is_sliced:
            return None
        expected = _expected_rows(rows) if rows.query.where else _rows_of_table(rows)
        return expected if expected > EXACT_UP_TO else None


def _rows_of_table(rows: QuerySet[Any]) -> int:
    """Return the row count of a table as of its last VACUUM or ANALYZE; -1 if there was none."""
    with connections[rows.db].cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
            [connections[rows.db].ops.quote_name(rows.model._meta.db_table)],
        )
        found = cursor.fetchone()
    return int(found[0]) if found else -1


def _expected_rows(rows: QuerySet[Any]) -> int:
    """Return how many rows PostgreSQL's planner expects in a filtered list."""
    plan = rows.order_by().values("pk").explain(format="json")
    # Django makes no query for a filter that cannot match.
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"]) if plan else 0
