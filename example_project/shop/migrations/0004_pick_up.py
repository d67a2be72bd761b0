"""Whether an order is picked up at the studio, so that it needs no address."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0003_subscriptions")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="is_picked_up",
            field=models.BooleanField(default=False, verbose_name="picked up at the studio"),
        ),
    ]
