from __future__ import annotations

from django.db import models


class Stock(models.Model):
    """How many pieces of the article on sale are left: one row, which all orders share."""

    left = models.IntegerField()

    def __str__(self) -> str:
        return str(self.left)


class RecordedEvent(models.Model):
    """What the floor stores."""

    stripe_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=255)
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.stripe_id
