"""Products that are sold as subscriptions."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_stock")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="interval",
            field=models.CharField(
                blank=True, choices=[("month", "month")], default="", max_length=10, verbose_name="sent every"
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="interval",
            field=models.CharField(
                blank=True,
                choices=[("month", "month")],
                default="",
                editable=False,
                max_length=10,
                verbose_name="sent every",
            ),
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("past_due", "Payment missing"), ("ended", "Ended")],
                        default="active",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("renewals", models.PositiveIntegerField(default=0, verbose_name="renewals")),
                ("renewed_at", models.DateTimeField(blank=True, null=True, verbose_name="last renewed")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "order",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subscription",
                        to="shop.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "subscription",
                "verbose_name_plural": "subscriptions",
                "ordering": ["-pk"],
            },
        ),
    ]
