"""The stock of each product."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="stock",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Leave empty if it is made to order.",
                null=True,
                verbose_name="stock",
            ),
        ),
    ]
