"""Store reviews, released authorizations, what an expired cart held, and every Customer of a user."""

from __future__ import annotations

from django.db import migrations, models

import django_checkout.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("django_checkout", "0007_answer_repeated_requests_at_once"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="customer",
            name="checkout_customer_one_per_mode",
        ),
        migrations.AddField(
            model_name="payment",
            name="reviews",
            field=models.JSONField(blank=True, default=dict, editable=False, verbose_name="reviews"),
        ),
        migrations.AddField(
            model_name="refund",
            name="balance_transaction_id",
            field=django_checkout.models.fields.CaseSensitiveCharField(
                blank=True, default="", max_length=255, verbose_name="balance transaction"
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="is_release",
            field=models.BooleanField(default=False, editable=False, verbose_name="release of an authorization"),
        ),
        migrations.AddField(
            model_name="checkoutsession",
            name="customer_details",
            field=models.JSONField(blank=True, default=dict, editable=False, verbose_name="customer details"),
        ),
    ]
