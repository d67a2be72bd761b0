"""The JSON API for single-page shops, apps and back offices; needs ``pip install "django-checkout[api]"``.

The host includes its URLs: ``path("api/", include("django_checkout.api.urls"))``. Nothing else of the app imports this
package, and it contains no rule about payments: its views call services, statistics and reconciliation.
"""
