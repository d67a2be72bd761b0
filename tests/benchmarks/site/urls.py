from __future__ import annotations

from django.urls import include, path

from tests.benchmarks.site.floor import record

urlpatterns = [
    path("floor/", record),
    path("checkout/", include("django_checkout.urls")),
]
