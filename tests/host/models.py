from __future__ import annotations

from django.db import models


class HostOrder(models.Model):
    """A host's own order model, which the app under test never writes."""

    number = models.CharField(max_length=200)
    owner = models.ForeignKey("auth.User", null=True, on_delete=models.SET_NULL)
    email = models.CharField(max_length=200, default="")
    currency = models.CharField(max_length=3, default="eur")
    price_minor = models.IntegerField(default=2000)
    quantity = models.IntegerField(default=1)
    state = models.CharField(max_length=20, default="new")
    paid_times = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.number
