"""Shipping options of a session, and shipping rates."""

from __future__ import annotations

from .givens import PAYMENT, RATE, SESSIONS
from .rule import Rule, post, refusal, session_field, shows

RATES = "/v1/shipping_rates"
DATA = "shipping_options[0][shipping_rate_data]"
MINIMUM = f"{DATA}[delivery_estimate][minimum]"

RULES = (
    Rule(
        id="shipping.count",
        says="A session has at most 5 shipping options.",
        source=session_field(".shipping_options"),
        refused=post(SESSIONS, PAYMENT, {f"shipping_options[{n}][shipping_rate]": "<rate>" for n in range(6)}),
        answer=refusal(param="shipping_options"),
        accepted=post(SESSIONS, PAYMENT, {f"shipping_options[{n}][shipping_rate]": "<rate>" for n in range(5)}),
    ),
    Rule(
        id="shipping.currency",
        says="A shipping option has the session's currency.",
        source="https://docs.stripe.com/payments/during-payment/charge-shipping",
        refused=post(SESSIONS, PAYMENT, RATE, "shipping_options[0][shipping_rate_data][fixed_amount][currency]=usd"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, RATE),
        result=shows(amount_total=1490),
    ),
    Rule(
        id="shipping.inactive",
        says="An archived shipping rate cannot be offered.",
        source="https://docs.stripe.com/payments/during-payment/charge-shipping",
        given=("inactive_rate",),
        refused=post(SESSIONS, PAYMENT, "shipping_options[0][shipping_rate]=<old_rate>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "shipping_options[0][shipping_rate]=<rate>"),
    ),
    Rule(
        id="shipping.unknown",
        says="An unknown shipping rate in the body is 400.",
        source="https://docs.stripe.com/error-codes#resource-missing",
        refused=post(SESSIONS, PAYMENT, "shipping_options[0][shipping_rate]=shr_none"),
        answer=refusal(param="shipping_options[0][shipping_rate]", code="resource_missing"),
        accepted=post(SESSIONS, PAYMENT, "shipping_options[0][shipping_rate]=<rate>"),
    ),
    Rule(
        id="shipping.amount",
        says="A shipping amount is not negative.",
        source=session_field("ShippingOptionShippingRateDataFixedAmount.amount"),
        refused=post(SESSIONS, PAYMENT, RATE, "shipping_options[0][shipping_rate_data][fixed_amount][amount]=-1"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, RATE, "shipping_options[0][shipping_rate_data][fixed_amount][amount]=0"),
        result=shows(amount_total=1000),
    ),
    Rule(
        id="shipping.name.length",
        says="The name of a shipping rate has at most 100 characters.",
        source=f"OpenAPI POST {RATES} display_name",
        refused=post(RATES, f"display_name={'x' * 101}&fixed_amount[amount]=490&fixed_amount[currency]=eur"),
        answer=refusal(param="display_name"),
        accepted=post(RATES, f"display_name={'x' * 100}&fixed_amount[amount]=490&fixed_amount[currency]=eur"),
    ),
    Rule(
        id="shipping.estimate",
        says="A delivery estimate is greater than 0.",
        source=session_field("ShippingOptionShippingRateDataDeliveryEstimateMinimum.value"),
        refused=post(
            SESSIONS,
            PAYMENT,
            RATE,
            "shipping_options[0][shipping_rate_data][delivery_estimate][minimum][unit]=day"
            "&shipping_options[0][shipping_rate_data][delivery_estimate][minimum][value]=0",
        ),
        answer=refusal(),
        accepted=post(
            SESSIONS,
            PAYMENT,
            RATE,
            "shipping_options[0][shipping_rate_data][delivery_estimate][minimum][unit]=day"
            "&shipping_options[0][shipping_rate_data][delivery_estimate][minimum][value]=1",
        ),
    ),
    Rule(
        id="shipping.amount.required",
        says="A shipping rate of type `fixed_amount` has a fixed amount.",
        source=session_field("ShippingOptionShippingRateData.fixed_amount"),
        refused=post(RATES, "display_name=Parcel&type=fixed_amount"),
        answer=refusal(param="fixed_amount"),
        accepted=post(RATES, "display_name=Parcel&type=fixed_amount&fixed_amount[amount]=0&fixed_amount[currency]=eur"),
    ),
)
