"""The demo of the JSON API: a page of the shop that uses nothing else, and the API's own pages."""

from __future__ import annotations

from django.apps import AppConfig


class ApiDemoConfig(AppConfig):
    name = "example_project.api_demo"
    label = "api_demo"
    verbose_name = "JSON API"
