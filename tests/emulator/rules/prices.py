"""Prices in tiers, packages and currencies, and tax rates."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS
from .rule import Rule, post, refusal, sdk, shows

PRICES, RATES = "/v1/prices", "/v1/tax_rates"
BASE = "product=<product>&currency=eur"
CHOSEN = f"{BASE}&custom_unit_amount[enabled]=true"
TIERED = f"{BASE}&billing_scheme=tiered&tiers_mode=volume"
TIERS = "tiers[0][up_to]=5&tiers[0][unit_amount]=900&tiers[1][up_to]=inf&tiers[1][unit_amount]=800"
RATE = "display_name=VAT&inclusive=false"
PAY_WHAT_YOU_WANT = "https://docs.stripe.com/payments/checkout/pay-what-you-want"


def _field(name: str) -> str:
    return sdk("_price_create_params", f"PriceCreateParams{name}")


RULES = (
    Rule(
        id="price.tiers.scheme",
        says="`tiers` need `billing_scheme` to be `tiered`.",
        source=_field(".tiers"),
        refused=post(PRICES, BASE, TIERS, "unit_amount=900"),
        answer=refusal(param="tiers"),
        accepted=post(PRICES, TIERED, TIERS),
        result=shows(billing_scheme="tiered", unit_amount=None),
    ),
    Rule(
        id="price.tiers.packages",
        says="`transform_quantity` cannot be combined with `tiers`.",
        source=_field(".transform_quantity"),
        refused=post(PRICES, TIERED, TIERS, "transform_quantity[divide_by]=2&transform_quantity[round]=up"),
        answer=refusal(),
        accepted=post(PRICES, BASE, "unit_amount=900&transform_quantity[divide_by]=2&transform_quantity[round]=up"),
    ),
    Rule(
        id="price.tiers.last",
        says="The last tier has `inf` as `up_to`.",
        source=_field("Tier.up_to"),
        refused=post(PRICES, TIERED, TIERS, "tiers[1][up_to]=9"),
        answer=refusal(param="tiers[1][up_to]"),
        accepted=post(PRICES, TIERED, TIERS),
    ),
    Rule(
        id="price.amount.custom",
        says="`unit_amount`, `unit_amount_decimal` or `custom_unit_amount` is required unless the price is tiered.",
        source=_field(".unit_amount"),
        refused=post(PRICES, BASE),
        answer=refusal(param="unit_amount", code="parameter_missing"),
        accepted=post(PRICES, BASE, "custom_unit_amount[enabled]=true"),
        result=shows(unit_amount=None),
    ),
    Rule(
        id="price.currency",
        says="A session is in a currency that its prices support.",
        source="lichess-org/lila#9297",
        refused=post(
            SESSIONS,
            PAYMENT,
            "-line_items[0][price_data]&line_items[0][price]=<price>&currency=usd",
        ),
        answer=refusal("The price specified supports currencies of `eur` which doesn't include the expected currency"),
        accepted=post(
            SESSIONS,
            PAYMENT,
            "-line_items[0][price_data]&line_items[0][price]=<price>&currency=eur",
        ),
    ),
    Rule(
        id="price.custom.minimum",
        says="The smallest amount that a customer can choose is at least that of a charge.",
        source=_field("CustomUnitAmount.minimum"),
        refused=post(PRICES, CHOSEN, "custom_unit_amount[minimum]=49"),
        answer=refusal(param="custom_unit_amount[minimum]"),
        accepted=post(PRICES, CHOSEN, "custom_unit_amount[minimum]=50"),
        result=shows(custom_unit_amount__minimum=50),
    ),
    Rule(
        id="price.custom.alone",
        says="A price whose customer chooses the amount is the only line item, once.",
        source=PAY_WHAT_YOU_WANT,
        refused=post(
            SESSIONS,
            PAYMENT,
            "-line_items[0][price_data]&line_items[0][price]=<custom_price>&line_items[0][quantity]=2",
        ),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "-line_items[0][price_data]&line_items[0][price]=<custom_price>"),
    ),
    Rule(
        id="tax_rate.percentage",
        says="A tax rate is a percentage out of 100.",
        source=sdk("_tax_rate_create_params", "TaxRateCreateParams.percentage"),
        refused=post(RATES, RATE, "percentage=101"),
        answer=refusal(param="percentage"),
        accepted=post(RATES, RATE, "percentage=100"),
    ),
    Rule(
        id="tax_rate.inactive",
        says="An archived tax rate cannot be used in a new session.",
        source=sdk("_tax_rate_create_params", "TaxRateCreateParams.active"),
        refused=post(SESSIONS, PAYMENT, "line_items[0][tax_rates][0]=<old_tax_rate>"),
        answer=refusal(param="line_items[0][tax_rates][0]"),
        accepted=post(SESSIONS, PAYMENT, "line_items[0][tax_rates][0]=<tax_rate>"),
    ),
)
