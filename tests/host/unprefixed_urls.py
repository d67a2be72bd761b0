"""The URLs of a site with a language prefix, except for its default language."""

from __future__ import annotations

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path

urlpatterns = i18n_patterns(path("checkout/", include("django_checkout.urls")), prefix_default_language=False)
