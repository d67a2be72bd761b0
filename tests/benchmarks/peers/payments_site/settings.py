from __future__ import annotations

from tests.benchmarks.peers.common import SECRET, SETTINGS

globals().update(SETTINGS)
INSTALLED_APPS = ["payments", "tests.benchmarks.peers.payments_site"]
ROOT_URLCONF = "tests.benchmarks.peers.payments_site.urls"
PAYMENT_HOST = "127.0.0.1"
PAYMENT_USES_SSL = False
PAYMENT_MODEL = "payments_site.Payment"
PAYMENT_VARIANTS = {
    "stripe": (
        "payments.stripe.StripeProviderV3",
        {"api_key": "sk_test_peer", "use_token": True, "endpoint_secret": SECRET, "secure_endpoint": True},
    )
}
