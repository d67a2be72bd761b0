"""Ids in Stripe's form: a prefix for the type and random characters."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.ascii_letters + string.digits

#: Prefix and number of random characters by object type.
SHAPES = {
    "balance_transaction": ("txn_", 24),
    "billing_portal.configuration": ("bpc_", 24),
    "billing_portal.session": ("bps_", 24),
    "card": ("card_", 24),
    "charge": ("ch_", 24),
    "checkout.session": ("cs_test_", 58),
    "coupon": ("", 8),
    "credit_note": ("cn_", 24),
    "credit_note_line_item": ("cnli_", 24),
    "customer": ("cus_", 14),
    "customer_balance_transaction": ("cbtxn_", 24),
    "customer_cash_balance_transaction": ("ccsbtxn_", 24),
    "discount": ("di_", 24),
    "dispute": ("du_", 24),
    "ephemeral_key": ("ephkey_", 24),
    "event": ("evt_", 24),
    "file": ("file_", 24),
    "file_link": ("link_", 24),
    "invoice": ("in_", 24),
    "invoice_payment": ("inpay_", 24),
    "item": ("li_", 24),
    "invoiceitem": ("ii_", 24),
    "line_item": ("il_", 24),
    "mandate": ("mandate_", 24),
    "payment_intent": ("pi_", 24),
    "payment_link": ("plink_", 24),
    "payment_method": ("pm_", 24),
    "payout": ("po_", 24),
    "price": ("price_", 24),
    "product": ("prod_", 14),
    "promotion_code": ("promo_", 24),
    "quote": ("qt_", 24),
    "radar.early_fraud_warning": ("issfr_", 24),
    "refund": ("re_", 24),
    "request": ("req_", 14),
    "review": ("prv_", 24),
    "setup_attempt": ("setatt_", 24),
    "setup_intent": ("seti_", 24),
    "shipping_rate": ("shr_", 24),
    "subscription": ("sub_", 24),
    "subscription_schedule": ("sub_sched_", 24),
    "subscription_item": ("si_", 14),
    "tax_id": ("txi_", 24),
    "tax_rate": ("txr_", 24),
    "token": ("tok_", 24),
    "test_helpers.test_clock": ("clock_", 24),
    "v2.core.event_destination": ("ed_test_", 24),
    "webhook_endpoint": ("we_", 24),
    "_delivery": ("delivery_", 24),
    "_email": ("email_", 24),
    "_job": ("job_", 24),
}


def new_id(kind: str) -> str:
    """Return a new id for an object of this type."""
    prefix, length = SHAPES[kind]
    return prefix + random_text(length)


def random_text(length: int) -> str:
    """Return ``length`` random letters and digits."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(length))
