"""The demo of the JSON API: a page that buys through the API, and the API's document."""

from __future__ import annotations

from django.apps import AppConfig


class ApiDemoConfig(AppConfig):
    name = "example_project.api_demo"
    label = "api_demo"
    verbose_name = "JSON API"
