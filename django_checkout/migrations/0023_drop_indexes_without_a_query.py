"""Drops indexes that no query uses and makes smaller ones, one by one and in PostgreSQL without blocking writes."""

from typing import Any

import django.db.models.deletion
import django_checkout.models.fields
import django_checkout.models.indexes
import django_checkout.models.relations
from django.conf import settings
from django.db import migrations, models

NEW: tuple[tuple[str, models.Index], ...] = (
    ("announcement", django_checkout.models.indexes.SparseIndex(fields=["refund"], name="checkout_announcement_refund")),
    ("announcement", django_checkout.models.indexes.SparseIndex(fields=["dispute"], name="checkout_announcement_dispute")),
    ("announcement", django_checkout.models.indexes.SparseIndex(fields=["waived_by"], name="checkout_announcement_waived")),
    ("order", django_checkout.models.indexes.AddressIndex(fields=["email"], name="checkout_order_address")),
    ("webhookevent", django_checkout.models.indexes.SparseIndex(fields=["waived_by"], name="checkout_event_waived")),
    ("checkoutsession", django_checkout.models.indexes.SparseIndex(fields=["subscription_id"], name="checkout_session_subscription")),
    ("webhookevent", django_checkout.models.indexes.WaitingIndex(fields=["next_attempt_at", "id"], name="checkout_event_due")),
)
OLD = (
    ("order", "checkout_order_paid"),
    ("order", "checkout_order_email"),
    ("webhookevent", "checkout_event_backlog"),
)
NAMES, OLD_NAMES = {index.name for _, index in NEW}, {name for _, name in OLD}
#: The columns that Django has indexed alone.
COLUMNS = {
    "announcement": ("order", "session", "refund", "dispute", "subscription", "waived_by"),
    "attentionitem": ("order",),
    "balancetransaction": ("payout", "source_id"),
    "order": ("source_type",),
    "orderline": ("order",),
    "webhookevent": ("request_id", "waived_by"),
}


def replace(apps: Any, schema_editor: Any) -> None:
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for name, index in NEW:
        model = apps.get_model("django_checkout", name)
        if index.name in _indexes(model, schema_editor):
            # An earlier run was interrupted.
            if not is_postgresql:
                continue
            # It may be invalid.
            _drop(model, schema_editor, index.name)
        options: dict[str, Any] = {"concurrently": True} if is_postgresql else {}
        schema_editor.execute(index.create_sql(model, schema_editor, **options))
    for model in apps.get_app_config("django_checkout").get_models():
        columns = {model._meta.get_field(name).column for name in COLUMNS.get(model._meta.model_name, ())}
        found = _indexes(model, schema_editor)
        first = [_first(row) for row in found.values()]
        for name, row in found.items():
            if row["foreign_key"] and schema_editor.connection.vendor == "mysql" and first.count(_first(row)) == 1:
                # MariaDB cannot do without it.
                continue
            is_alone = len(row["columns"]) == 1 and row["columns"][0] in columns and name not in NAMES
            if not row["unique"] and (is_alone or name in OLD_NAMES or _is_twin(name, row)):
                _drop(model, schema_editor, name)


def restore(apps: Any, schema_editor: Any) -> None:
    """Make the indexes again that the models had; those for prefixes of Stripe's ids serve no query of any version."""
    for name, columns in COLUMNS.items():
        model = apps.get_model("django_checkout", name)
        found = _indexes(model, schema_editor)
        alone = {tuple(row["columns"]) for known, row in found.items() if known not in NAMES}
        for field in map(model._meta.get_field, columns):
            if (field.column,) not in alone:
                schema_editor.execute(schema_editor._create_index_sql(model, fields=[field]))
    for name, old in OLD:
        model = apps.get_model("django_checkout", name)
        if old not in _indexes(model, schema_editor):
            schema_editor.add_index(model, next(index for index in model._meta.indexes if index.name == old))
    for name, index in NEW:
        model = apps.get_model("django_checkout", name)
        if index.name in _indexes(model, schema_editor):
            _drop(model, schema_editor, index.name)


def _is_twin(name: str, row: dict[str, Any]) -> bool:
    """Whether it is PostgreSQL's second index of a text; that of the order's number serves searches by its beginning."""
    return name.endswith("_like") and row["columns"] != ["reference"]


def _first(row: dict[str, Any]) -> str | None:
    """Return the first column; None of an expression."""
    return row["columns"][0] if row["columns"] else None


def _indexes(model: Any, schema_editor: Any) -> dict[str, dict[str, Any]]:
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table)
    return {name: row for name, row in found.items() if row["index"]}


def _drop(model: Any, schema_editor: Any, name: str) -> None:
    quote = schema_editor.quote_name
    sql = {
        "postgresql": "DROP INDEX CONCURRENTLY IF EXISTS {name}",
        "mysql": "DROP INDEX {name} ON {table}",
    }.get(schema_editor.connection.vendor, "DROP INDEX IF EXISTS {name}")
    schema_editor.execute(sql.format(name=quote(name), table=quote(model._meta.db_table)))


class Migration(migrations.Migration):
    # Else PostgreSQL would block writes to all tables until the last index is made.
    atomic = False

    dependencies = [
        ('contenttypes', '0002_remove_content_type_name'),
        ('django_checkout', '0022_tell_when_stripe_made_a_refund'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(replace, restore)],
            state_operations=[
                migrations.RemoveIndex(
                    model_name='order',
                    name='checkout_order_paid',
                ),
                migrations.RemoveIndex(
                    model_name='order',
                    name='checkout_order_email',
                ),
                migrations.AlterField(
                    model_name='announcement',
                    name='dispute',
                    field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='django_checkout.dispute'),
                ),
                migrations.AlterField(
                    model_name='announcement',
                    name='order',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='announcements', to='django_checkout.order', verbose_name='order'),
                ),
                migrations.AlterField(
                    model_name='announcement',
                    name='refund',
                    field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='django_checkout.refund'),
                ),
                migrations.AlterField(
                    model_name='announcement',
                    name='session',
                    field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='django_checkout.checkoutsession'),
                ),
                migrations.AlterField(
                    model_name='announcement',
                    name='subscription',
                    field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='django_checkout.subscription'),
                ),
                migrations.AlterField(
                    model_name='announcement',
                    name='waived_by',
                    field=django_checkout.models.relations.SiteForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='waived by'),
                ),
                migrations.AlterField(
                    model_name='attentionitem',
                    name='order',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='attention', to='django_checkout.order', verbose_name='order'),
                ),
                migrations.AlterField(
                    model_name='balancetransaction',
                    name='payout',
                    field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='lines', to='django_checkout.payout', verbose_name='payout'),
                ),
                migrations.AlterField(
                    model_name='balancetransaction',
                    name='source_id',
                    field=django_checkout.models.fields.CaseSensitiveCharField(blank=True, default='', max_length=255, verbose_name='source'),
                ),
                migrations.AlterField(
                    model_name='order',
                    name='source_type',
                    field=django_checkout.models.relations.SiteForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='contenttypes.contenttype', verbose_name='source type'),
                ),
                migrations.AlterField(
                    model_name='orderline',
                    name='order',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='django_checkout.order', verbose_name='order'),
                ),
                migrations.AlterField(
                    model_name='webhookevent',
                    name='request_id',
                    field=models.CharField(blank=True, default='', max_length=255, verbose_name='Stripe request ID'),
                ),
                migrations.AlterField(
                    model_name='webhookevent',
                    name='waived_by',
                    field=django_checkout.models.relations.SiteForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='waived by'),
                ),
                migrations.AddIndex(
                    model_name='announcement',
                    index=NEW[0][1],
                ),
                migrations.AddIndex(
                    model_name='announcement',
                    index=NEW[1][1],
                ),
                migrations.AddIndex(
                    model_name='announcement',
                    index=NEW[2][1],
                ),
                migrations.AddIndex(
                    model_name='order',
                    index=NEW[3][1],
                ),
                migrations.AddIndex(
                    model_name='webhookevent',
                    index=NEW[4][1],
                ),
                migrations.AddIndex(
                    model_name='checkoutsession',
                    index=NEW[5][1],
                ),
                migrations.RemoveIndex(
                    model_name='webhookevent',
                    name='checkout_event_backlog',
                ),
                migrations.AddIndex(
                    model_name='webhookevent',
                    index=NEW[6][1],
                ),
            ],
        ),
    ]
