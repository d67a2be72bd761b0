"""The URLs of the emulator: ``path("emulator/", include("django_checkout.emulator.urls"))``."""

from __future__ import annotations

from django.urls import path, re_path

from django_checkout.emulator import views

app_name = "django_checkout_emulator"
urlpatterns = [
    path("", views.serve, {"root": "control"}, name="index"),
    re_path(
        r"^(?P<root>v1|v2|pay|buy|documents|links|recover|assets|control|elements|payment_pages|portal)/(?P<rest>.*)$",
        views.serve,
        name="serve",
    ),
    re_path(r"^(?P<root>(?:[a-z0-9]+/)?stripe\.js)$", views.serve, name="stripe_js"),
]
