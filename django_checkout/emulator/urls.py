"""``path("emulator/", include("django_checkout.emulator.urls"))``."""

from __future__ import annotations

from django.urls import path, re_path

from . import views

app_name = "django_checkout_emulator"
urlpatterns = [
    path("", views.serve, {"root": "control"}, name="index"),
    re_path(r"^(?P<root>v1|v2|pay|recover|assets|control)/(?P<rest>.*)$", views.serve, name="serve"),
]
