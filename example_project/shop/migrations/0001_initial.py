"""The catalogue and the shop's orders."""

from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import example_project.shop.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "number",
                    models.CharField(
                        default=example_project.shop.models.new_order_number,
                        editable=False,
                        max_length=20,
                        unique=True,
                        verbose_name="number",
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("email", models.EmailField(max_length=254, verbose_name="email")),
                ("note", models.CharField(blank=True, max_length=300, verbose_name="note")),
                ("currency", models.CharField(default="eur", max_length=3, verbose_name="currency")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "Waiting for payment"),
                            ("processing", "Payment in progress"),
                            ("paid", "Paid"),
                            ("partly_refunded", "Partly refunded"),
                            ("refunded", "Refunded"),
                            ("canceled", "Canceled"),
                        ],
                        default="new",
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="created"),
                ),
                ("paid_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="paid")),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="shop_orders",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "order",
                "verbose_name_plural": "orders",
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(unique=True, verbose_name="slug")),
                (
                    "kind",
                    models.CharField(
                        choices=[("stoneware", "Stoneware"), ("tea", "Tea"), ("tool", "Tools")],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("tagline", models.CharField(max_length=140, verbose_name="tagline")),
                ("description", models.TextField(verbose_name="description")),
                ("facts", models.TextField(blank=True, help_text="One per line.", verbose_name="facts")),
                ("price", models.DecimalField(decimal_places=2, max_digits=8, verbose_name="price")),
                ("picture", models.CharField(help_text="A static file.", max_length=120, verbose_name="picture")),
                ("picture_text", models.CharField(max_length=200, verbose_name="what the picture shows")),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                ("is_available", models.BooleanField(default=True, verbose_name="available")),
            ],
            options={
                "verbose_name": "product",
                "verbose_name_plural": "products",
                "ordering": ["position", "name"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("price__gt", 0)), name="shop_product_price_positive")
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("unit_price", models.DecimalField(decimal_places=2, max_digits=8, verbose_name="unit price")),
                ("quantity", models.PositiveSmallIntegerField(verbose_name="quantity")),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="shop.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="shop.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "order line",
                "verbose_name_plural": "order lines",
                "ordering": ["pk"],
            },
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["user", "-created_at"], name="shop_order_history"),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0)), name="shop_orderline_quantity_positive"
            ),
        ),
    ]
