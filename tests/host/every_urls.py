"""The URLs of a site that includes all of the app's URLs and has its own error pages."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("django_checkout.api.urls")),
    path("checkout/", include("django_checkout.urls")),
    path("emulator/", include("django_checkout.emulator.urls")),
]


def handler404(request, exception):
    return HttpResponse("The shop's own page.", status=404, headers={"Cache-Control": "max-age=600"})
