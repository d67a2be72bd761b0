"""Pages of long lists without counting them: PostgreSQL's own estimate where a list is long, the count elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db import connections
from django.db.models import QuerySet
from django.utils.functional import cached_property

#: A list that PostgreSQL expects to be longer than this is not counted: nobody needs to know it to the row.
EXACT_UP_TO = 20_000


# Django's paginator is generic to the type checker only.
if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator


class EstimatingPaginator(_Paginator):
    """Counts exactly where that is cheap; a long list in PostgreSQL has as many rows as its planner expects.

    The estimate is that of the last ANALYZE, so that the last page may turn out empty or may not be the last.
    """

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        """How many rows there are, or about how many."""
        estimate = self.estimate
        return int(super().count) if estimate is None else estimate

    @cached_property
    def estimate(self) -> int | None:
        """About how many rows a long list has; None where they are counted."""
        rows = self.object_list
        if connections[rows.db].vendor != "postgresql" or rows.query.is_sliced:
            return None
        expected = _expected_rows(rows) if rows.query.where else _rows_of_table(rows)
        return expected if expected > EXACT_UP_TO else None


def _rows_of_table(rows: QuerySet[Any]) -> int:
    """Return PostgreSQL's count of a table as of its last VACUUM or ANALYZE; -1 where there was none."""
    with connections[rows.db].cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
            [connections[rows.db].ops.quote_name(rows.model._meta.db_table)],
        )
        found = cursor.fetchone()
    return int(found[0]) if found else -1


def _expected_rows(rows: QuerySet[Any]) -> int:
    """Return how many rows PostgreSQL's planner expects of a filtered list, without reading any."""
    plan = rows.order_by().values("pk").explain(format="json")
    # A filter that nothing can match is not even planned.
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"]) if plan else 0
