"""The JSON API: thin faces over the services for single-page shops, apps and back offices.

``path("api/", include("django_checkout.api.urls"))``, with ``pip install "django-checkout[api]"``. Nothing else of the
app imports this package.
"""
