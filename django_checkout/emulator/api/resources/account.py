"""The emulated account."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.messages import Doc

ACCOUNT_ID = "acct_1EmulatorAccount00"
NAME = "Emulated shop"
#: Fields of the business profile that are null.
PROFILE_NULLS = (
    "annual_revenue estimated_worker_count minority_owned_business_designation product_description support_address "
    "support_email support_phone support_url"
)


def retrieve(call: Call) -> Doc:
    """GET /v1/account."""
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {
            **dict.fromkeys(PROFILE_NULLS.split()),
            "mcc": "5734",
            "name": NAME,
            "url": "https://shop.example.com",
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "created": call.state.clock.now(),
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@shop.example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {f"statement_descriptor_prefix{script}": None for script in ("", "_kana", "_kanji")},
            "dashboard": {"display_name": NAME, "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": "EXAMPLE SHOP",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }


ROUTES = {
    "GET /v1/account": Route(retrieve),
}
