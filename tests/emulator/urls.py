from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("emulator/", include("django_checkout.emulator.urls")),
    path("checkout/", include("django_checkout.urls")),
]
