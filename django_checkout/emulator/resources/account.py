"""The account that the emulator plays."""

from __future__ import annotations

from ..calls import Call
from ..messages import Doc

ACCOUNT_ID = "acct_1EmulatorAccount00"
NAME = "Emulated shop"


def retrieve(call: Call) -> Doc:
    """GET /v1/account."""
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": "5734",
            "minority_owned_business_designation": None,
            "name": NAME,
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": "https://shop.example.com",
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "created": call.world.clock.now(),
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@shop.example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": NAME, "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": "EXAMPLE SHOP",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }
