"""The URLs of the app: ``path("checkout/", include("django_checkout.urls"))``."""

from __future__ import annotations

from django.urls import path

from django_checkout.conf import conf
from django_checkout.pages import actions, views

app_name = "django_checkout"

urlpatterns = [
    path("start/<str:token>/", views.start, name="start"),
    path("pay/<str:token>/", views.pay, name="pay"),
    path("secret/<str:token>/", views.secret, name="secret"),
    path("update/<str:token>/", views.update, name="update"),
    path("return/<str:token>/", views.return_, name="return"),
    path("cancel/<str:token>/", actions.cancel, name="cancel"),
    path("another-way/<str:token>/", actions.another_way, name="another-way"),
    path("documents/<str:token>/<str:kind>/", views.document, name="document"),
    path("portal/", views.portal, name="portal"),
    path("status/<str:token>/", views.status, name="status"),
    path("webhook/", views.awebhook if conf.CHECKOUT_ASYNC_WEBHOOK else views.webhook, name="webhook"),
    path("health/", views.health, name="health"),
]
