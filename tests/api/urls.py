from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("checkout/", include("django_checkout.urls")),
    path("api/", include("django_checkout.api.urls")),
]
