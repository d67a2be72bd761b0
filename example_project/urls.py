"""The URLs of the example project: the shop, the admin, the checkout and, if it is on, the emulator."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from django_checkout.conf import conf

urlpatterns = [
    path("", include("example_project.shop.urls")),
    path("admin/", admin.site.urls),
    path("checkout/", include("django_checkout.urls")),
    # Browsers request it for pages without an icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("shop/mark.svg"))),
]
if apps.is_installed("example_project.api_demo"):
    urlpatterns += [
        path("api/", include("django_checkout.api.urls")),
        path("app/", include("example_project.api_demo.urls")),
    ]
if conf.CHECKOUT_EMULATOR:
    urlpatterns.append(path("emulator/", include("django_checkout.emulator.urls")))
