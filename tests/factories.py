"""Factories of minimal valid rows."""

from __future__ import annotations

import factory
from django.contrib.auth import get_user_model

from tests.host.models import HostOrder


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence("shopper{}".format)


class HostOrderFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = HostOrder

    number = factory.Sequence("H-{:04}".format)
