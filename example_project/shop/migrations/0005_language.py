"""The language in which the shop writes to the buyer."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0004_pick_up")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="language",
            field=models.CharField(default="en", editable=False, max_length=10, verbose_name="language"),
        ),
    ]
