"""``{% load checkout_admin %}``: the dashboard's summary on the app's page of the admin."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context

register = template.Library()


@register.inclusion_tag("admin/django_checkout/dashboard/summary.html", takes_context=True)
def checkout_summary(context: Context) -> dict[str, Any]:
    """Render pending work and sales, for users who may view orders."""
    # Django imports every tag library, even if the admin is not installed.
    from django_checkout.admin import dashboard

    request = context["request"]
    if not request.user.has_perm("django_checkout.view_order"):
        return {}
    return dashboard.build(request)
