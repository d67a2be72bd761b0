"""Converts the invoice options of an order to Stripe's ``invoice_creation[invoice_data]``, and validates them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_checkout.exceptions import OrderDataError
from django_checkout.params.fields import choice, several, text
from django_checkout.params.metadata import usable_metadata
from django_checkout.values import CheckoutOptions

MAXIMUM_DESCRIPTION, MAXIMUM_FOOTER = 1500, 5000
#: https://docs.stripe.com/api/invoices/create#create_invoice-custom_fields
MAXIMUM_FIELDS, MAXIMUM_FIELD_NAME, MAXIMUM_FIELD_VALUE = 4, 40, 140
#: "You can add up to 100 tax IDs to your account": https://docs.stripe.com/tax/invoicing/tax-ids.
MAXIMUM_TAX_IDS, MAXIMUM_ID = 100, 255
TAX_DISPLAYS = ("exclude_tax", "include_inclusive_tax")


def invoice_params(options: CheckoutOptions) -> dict[str, Any]:
    """Return the parameters of the invoice, without those that are not set.

    Raises:
        OrderDataError: Stripe would refuse a value.
    """
    name = "invoice_account_tax_ids"
    tax_ids = several(options.invoice_account_tax_ids, name, maximum=MAXIMUM_TAX_IDS)
    display = choice(options.invoice_tax_display, "invoice_tax_display", TAX_DISPLAYS)
    params = {
        "description": text(options.invoice_description, "invoice_description", maximum=MAXIMUM_DESCRIPTION),
        "footer": text(options.invoice_footer, "invoice_footer", maximum=MAXIMUM_FOOTER),
        "custom_fields": list(_fields(options.invoice_custom_fields)),
        "account_tax_ids": [text(tax_id, name, maximum=MAXIMUM_ID, is_required=True) for tax_id in tax_ids],
        "metadata": usable_metadata(options.invoice_metadata),
        "rendering_options": {"amount_tax_display": display} if display else {},
    }
    return {name: value for name, value in params.items() if value}


def _fields(fields: Mapping[str, str]) -> list[dict[str, str]]:
    if not isinstance(fields, Mapping) or len(fields) > MAXIMUM_FIELDS:
        raise OrderDataError(f"invoice_custom_fields must be a mapping with at most {MAXIMUM_FIELDS} items.")
    return [
        {
            "name": text(name, "invoice_custom_fields", maximum=MAXIMUM_FIELD_NAME, is_required=True),
            "value": text(value, "invoice_custom_fields", maximum=MAXIMUM_FIELD_VALUE, is_required=True),
        }
        for name, value in fields.items()
    ]
