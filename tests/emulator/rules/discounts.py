"""Discounts of a session."""

from __future__ import annotations

from .coupons import CODES, code_field, coupon_field
from .givens import PAYMENT, SESSIONS, SUBSCRIPTION
from .rule import Rule, get, post, refusal, session_field, shows

DISCOUNTS_GUIDE = "https://docs.stripe.com/payments/checkout/discounts"
EXPIRED = "https://docs.stripe.com/error-codes#coupon-expired"
BY_PRICE = "-line_items[0][price_data]&line_items[0][price]=<price>"

RULES = (
    Rule(
        id="discount.count",
        says="A session has at most one discount.",
        source=session_field(".discounts"),
        refused=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon>&discounts[1][coupon]=<coupon_in_eur>"),
        answer=refusal(param="discounts"),
        accepted=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon>"),
        result=shows(amount_total=900),
    ),
    Rule(
        id="discount.or-codes",
        says="A session has `discounts` or `allow_promotion_codes`, which excludes them even if it is false.",
        source="stripe/stripe-node#2248",
        refused=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon>&allow_promotion_codes=false"),
        answer=refusal(
            "You may only specify one of these parameters: allow_promotion_codes, discounts.",
            param="allow_promotion_codes",
        ),
        accepted=post(SESSIONS, PAYMENT, "allow_promotion_codes=false"),
    ),
    Rule(
        id="discount.one-of",
        says="A discount names a coupon or a promotion code.",
        source=session_field("Discount.promotion_code"),
        refused=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon>&discounts[0][promotion_code]=<code>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=<code>"),
        result=shows(amount_total=900),
    ),
    Rule(
        id="discount.coupon.unknown",
        says="An unknown coupon in the body is 400.",
        source="https://docs.stripe.com/error-codes#resource-missing",
        refused=post(SESSIONS, PAYMENT, "discounts[0][coupon]=NONE"),
        answer=refusal("No such coupon: 'NONE'", param="discounts[0][coupon]", code="resource_missing"),
        accepted=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon>"),
    ),
    Rule(
        id="discount.code.id",
        says="A promotion code is named by its id, not by its text.",
        source="stripe/_promotion_code_service.py PromotionCodeService.retrieve",
        given=("code",),
        refused=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=TEA10"),
        answer=refusal(param="discounts[0][promotion_code]", code="resource_missing"),
        accepted=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=<code>"),
    ),
    Rule(
        id="discount.currency",
        says="A coupon with `amount_off` has the session's currency.",
        source="hugodemenez/deltalytix#508",
        refused=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon_in_usd>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon_in_eur>"),
        result=shows(amount_total=900),
    ),
    Rule(
        id="discount.code.currency",
        says="So has the coupon of a promotion code.",
        source="hugodemenez/deltalytix#508",
        refused=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=<code_in_usd>"),
        answer=refusal("The promotion code default currency (usd) does not match the line item currency (eur)."),
        accepted=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=<code>"),
    ),
    Rule(
        id="discount.coupon.expired",
        says="A coupon cannot be redeemed after `redeem_by`.",
        source=EXPIRED,
        given=("coupon_until_tomorrow", "2_days"),
        refused=post(SESSIONS, SUBSCRIPTION, "discounts[0][coupon]=<coupon_until_tomorrow>"),
        answer=refusal(code="coupon_expired"),
        accepted=post(SESSIONS, SUBSCRIPTION, "discounts[0][coupon]=<coupon>"),
    ),
    Rule(
        id="discount.coupon.redeemed",
        says="A coupon is not valid after `max_redemptions`.",
        source=coupon_field("max_redemptions"),
        given=("redeemed_coupon",),
        refused=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon_for_one>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon>"),
    ),
    Rule(
        id="discount.code.inactive",
        says="An inactive promotion code cannot be redeemed.",
        source=DISCOUNTS_GUIDE,
        refused=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=<inactive_code>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=<code>"),
    ),
    Rule(
        id="discount.code.customer",
        says="A customer's promotion code is for that customer only.",
        source=DISCOUNTS_GUIDE,
        refused=post(SESSIONS, PAYMENT, "customer=<other_customer>&discounts[0][promotion_code]=<code_of_customer>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "customer=<customer>&discounts[0][promotion_code]=<code_of_customer>"),
    ),
    Rule(
        id="discount.code.minimum",
        says="A promotion code with a minimum amount is refused below it.",
        source=code_field("Restrictions.minimum_amount"),
        refused=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=<code_from_20_eur>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "line_items[0][quantity]=2&discounts[0][promotion_code]=<code_from_20_eur>"),
        result=shows(amount_total=1800),
    ),
    Rule(
        id="discount.code.first-time",
        says="A code for first-time customers is refused to a customer who has paid before.",
        source="stripe/stripe-php#1146",
        given=("intent_of_customer",),
        refused=post(SESSIONS, PAYMENT, "customer=<customer>&discounts[0][promotion_code]=<code_for_first_order>"),
        answer=refusal(
            "This promotion code cannot be redeemed because the associated customer has prior transactions."
        ),
        accepted=post(
            SESSIONS, PAYMENT, "customer=<other_customer>&discounts[0][promotion_code]=<code_for_first_order>"
        ),
        result=shows(amount_total=900),
    ),
    Rule(
        id="discount.code.first-time.guest",
        says="A code for first-time customers is refused to guests.",
        source=session_field(".customer_creation"),
        refused=post(SESSIONS, PAYMENT, "discounts[0][promotion_code]=<code_for_first_order>"),
        answer=refusal(),
        accepted=post(
            SESSIONS, PAYMENT, "customer_creation=always&discounts[0][promotion_code]=<code_for_first_order>"
        ),
    ),
    Rule(
        id="discount.applies-to",
        says="A coupon for other products is refused.",
        source=DISCOUNTS_GUIDE,
        refused=post(
            SESSIONS,
            PAYMENT,
            "-line_items[0][price_data]",
            "line_items[0][price]=<price>&discounts[0][coupon]=<coupon_for_jugs>",
        ),
        answer=refusal(),
        accepted=post(
            SESSIONS,
            PAYMENT,
            "-line_items[0][price_data]",
            "line_items[0][price]=<price>&discounts[0][coupon]=<coupon_for_tea>",
        ),
        result=shows(amount_total=900),
    ),
    Rule(
        id="discount.codes.listed",
        says="Codes are found by their text regardless of case.",
        source=code_field(".code"),
        given=("code",),
        refused=get(CODES, "code=NONE"),
        answer=shows(data=[]),
        accepted=get(CODES, "code=tea10"),
        result=shows(data__0__id="<code>"),
    ),
)
