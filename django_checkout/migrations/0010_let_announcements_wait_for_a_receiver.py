from typing import Any

from django.db import migrations


def rename(apps: Any, schema_editor: Any, old: str = "owed", new: str = "pending") -> None:
    rows = apps.get_model("django_checkout", "Announcement").objects.using(schema_editor.connection.alias)
    rows.filter(state=old).update(state=new)


def rename_back(apps: Any, schema_editor: Any) -> None:
    rename(apps, schema_editor, old="pending", new="owed")


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0009_limit_requests_per_order'),
    ]

    operations = [
        migrations.RunPython(rename, rename_back),
    ]
