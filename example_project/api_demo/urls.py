"""The URLs of the API's demo."""

from __future__ import annotations

from django.urls import path

from example_project.api_demo import views

app_name = "api_demo"

urlpatterns = [
    path("", views.shop, name="shop"),
    path("docs/", views.docs, name="docs"),
]
