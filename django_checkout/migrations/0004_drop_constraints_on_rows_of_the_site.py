"""Drop the foreign key constraints that databases made before ``SiteForeignKey`` still have.

A database made by today's 0001 has none. On MariaDB such a constraint forbids 0008 to drop an index.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

COLUMNS = (
    ("django_checkout_attentionitem", "resolved_by_id"),
    ("django_checkout_customer", "user_id"),
    ("django_checkout_discrepancy", "resolved_by_id"),
    ("django_checkout_order", "source_type_id"),
    ("django_checkout_order", "user_id"),
    ("django_checkout_refund", "asked_by_id"),
)


def drop_constraints(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    if connection.vendor == "sqlite":
        # The constraint is part of the table there, forbids nothing later, and is satisfied: the rows are unlinked first.
        return
    for table, column in COLUMNS:
        with connection.cursor() as cursor:
            constraints = connection.introspection.get_constraints(cursor, table)
        for name, constraint in constraints.items():
            if constraint["foreign_key"] and constraint["columns"] == [column]:
                quoted = {"table": schema_editor.quote_name(table), "name": schema_editor.quote_name(name)}
                schema_editor.execute(schema_editor.sql_delete_fk % quoted)


class Migration(migrations.Migration):
    dependencies = [
        ("django_checkout", "0003_tell_which_subscription"),
    ]

    operations = [
        migrations.RunPython(drop_constraints, migrations.RunPython.noop, atomic=False),
    ]
