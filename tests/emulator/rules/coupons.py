"""Coupons and promotion codes."""

from __future__ import annotations

from .rule import Rule, post, refusal, sdk, shows

COUPONS, CODES = "/v1/coupons", "/v1/promotion_codes"
OF_COUPON = "promotion[type]=coupon&promotion[coupon]=<coupon>"


def coupon_field(name: str) -> str:
    """Return the source for a field of a new coupon."""
    return sdk("_coupon_create_params", f"CouponCreateParams.{name}")


def code_field(name: str) -> str:
    """Return the source for a field of a new promotion code."""
    return sdk("_promotion_code_create_params", f"PromotionCodeCreateParams{name}")


_COUPONS = (
    Rule(
        id="coupon.one-of",
        says="A coupon has `percent_off` or `amount_off`, not both.",
        source="stripe/_coupon_service.py CouponService.create",
        refused=post(COUPONS, "percent_off=10&amount_off=100&currency=eur"),
        answer=refusal(),
        accepted=post(COUPONS, "amount_off=100&currency=eur"),
        result=shows(amount_off=100, percent_off=None),
    ),
    Rule(
        id="coupon.required",
        says="A coupon has `percent_off` or `amount_off`.",
        source=coupon_field("percent_off"),
        refused=post(COUPONS, "duration=once"),
        answer=refusal(),
        accepted=post(COUPONS, "duration=once&percent_off=10"),
    ),
    Rule(
        id="coupon.percent.maximum",
        says="A coupon takes off at most 100 percent.",
        source=coupon_field("percent_off"),
        refused=post(COUPONS, "percent_off=100.5"),
        answer=refusal(param="percent_off"),
        accepted=post(COUPONS, "percent_off=100"),
    ),
    Rule(
        id="coupon.percent.positive",
        says="A coupon takes off more than 0 percent.",
        source=coupon_field("percent_off"),
        refused=post(COUPONS, "percent_off=0"),
        answer=refusal(param="percent_off"),
        accepted=post(COUPONS, "percent_off=0.5"),
    ),
    Rule(
        id="coupon.amount.positive",
        says="`amount_off` is a positive integer.",
        source=coupon_field("amount_off"),
        refused=post(COUPONS, "amount_off=0&currency=eur"),
        answer=refusal(param="amount_off"),
        accepted=post(COUPONS, "amount_off=1&currency=eur"),
    ),
    Rule(
        id="coupon.amount.currency",
        says="`amount_off` needs a currency.",
        source=coupon_field("currency"),
        refused=post(COUPONS, "amount_off=100"),
        answer=refusal(param="currency"),
        accepted=post(COUPONS, "amount_off=100&currency=eur"),
    ),
    Rule(
        id="coupon.duration.months",
        says="`duration: repeating` needs `duration_in_months`.",
        source=coupon_field("duration_in_months"),
        refused=post(COUPONS, "percent_off=10&duration=repeating"),
        answer=refusal(param="duration_in_months"),
        accepted=post(COUPONS, "percent_off=10&duration=repeating&duration_in_months=3"),
    ),
    Rule(
        id="coupon.duration.months.positive",
        says="`duration_in_months` is positive.",
        source=coupon_field("duration_in_months"),
        refused=post(COUPONS, "percent_off=10&duration=repeating&duration_in_months=0"),
        answer=refusal(param="duration_in_months"),
        accepted=post(COUPONS, "percent_off=10&duration=repeating&duration_in_months=1"),
    ),
    Rule(
        id="coupon.redemptions.positive",
        says="`max_redemptions` is a positive integer.",
        source=coupon_field("max_redemptions"),
        refused=post(COUPONS, "percent_off=10&max_redemptions=0"),
        answer=refusal(param="max_redemptions"),
        accepted=post(COUPONS, "percent_off=10&max_redemptions=1"),
    ),
    Rule(
        id="coupon.redeem-by",
        says="A coupon can be redeemed for at most 5 years.",
        source=coupon_field("redeem_by"),
        refused=post(COUPONS, f"percent_off=10&redeem_by=<now+{5 * 366 * 24 * 3600}>"),
        answer=refusal(param="redeem_by"),
        accepted=post(COUPONS, f"percent_off=10&redeem_by=<now+{5 * 365 * 24 * 3600}>"),
    ),
    Rule(
        id="coupon.name.length",
        says="A coupon's name has at most 40 characters.",
        source=f"OpenAPI POST {COUPONS} name",
        refused=post(COUPONS, f"percent_off=10&name={'x' * 41}"),
        answer=refusal(param="name"),
        accepted=post(COUPONS, f"percent_off=10&name={'x' * 40}"),
    ),
    Rule(
        id="coupon.id.unique",
        says="A coupon's id is unique.",
        source="https://docs.stripe.com/error-codes#resource-already-exists",
        refused=post(COUPONS, "percent_off=10&id=<coupon>"),
        answer=refusal("Coupon already exists.", code="resource_already_exists"),
        accepted=post(COUPONS, "percent_off=10&id=TEA"),
    ),
    Rule(
        id="coupon.immutable",
        says="A coupon's discount cannot be changed; its name can.",
        source="stripe/_coupon_service.py CouponService.update",
        refused=post(f"{COUPONS}/<coupon>", "percent_off=20"),
        answer=refusal("Received unknown parameter: percent_off", param="percent_off", code="parameter_unknown"),
        accepted=post(f"{COUPONS}/<coupon>", "name=Ten"),
        result=shows(name="Ten", percent_off=10.0),
    ),
    Rule(
        id="coupon.applies-to",
        says="A coupon applies to existing products.",
        source="https://docs.stripe.com/error-codes#resource-missing",
        refused=post(COUPONS, "percent_off=10&applies_to[products][0]=prod_none"),
        answer=refusal(code="resource_missing"),
        accepted=post(COUPONS, "percent_off=10&applies_to[products][0]=<product>"),
    ),
)

_CODES = (
    Rule(
        id="code.characters",
        says="A promotion code consists of letters, digits and dashes.",
        source=code_field(".code"),
        refused=post(CODES, OF_COUPON, "code=TEA_10"),
        answer=refusal(param="code"),
        accepted=post(CODES, OF_COUPON, "code=TEA-10"),
    ),
    Rule(
        id="code.unique",
        says="A code is unique among active codes, regardless of case.",
        source=code_field(".code"),
        given=("code",),
        refused=post(CODES, OF_COUPON, "code=tea10"),
        answer=refusal(),
        accepted=post(CODES, OF_COUPON, "code=OLD10"),
    ),
    Rule(
        id="code.unique.inactive",
        says="The code of an inactive promotion code can be used again.",
        source=code_field(".code"),
        given=("inactive_code", "code"),
        refused=post(CODES, OF_COUPON, "code=TEA10"),
        answer=refusal(),
        accepted=post(CODES, OF_COUPON, "code=OLD10"),
    ),
    Rule(
        id="code.unique.customer",
        says="Codes for different customers may be the same.",
        source=code_field(".code"),
        given=("code_of_customer",),
        refused=post(CODES, OF_COUPON, "code=KIM10&customer=<customer>"),
        answer=refusal(),
        accepted=post(CODES, OF_COUPON, "code=KIM10&customer=<other_customer>"),
    ),
    Rule(
        id="code.expires-at",
        says="A code does not expire after its coupon.",
        source=code_field(".expires_at"),
        refused=post(CODES, "promotion[type]=coupon&promotion[coupon]=<coupon_until_tomorrow>&expires_at=<now+86401>"),
        answer=refusal(param="expires_at"),
        accepted=post(CODES, "promotion[type]=coupon&promotion[coupon]=<coupon_until_tomorrow>&expires_at=<now+86400>"),
    ),
    Rule(
        id="code.redemptions",
        says="A code has at most as many redemptions as its coupon.",
        source=code_field(".max_redemptions"),
        refused=post(CODES, "promotion[type]=coupon&promotion[coupon]=<coupon_for_one>&max_redemptions=2"),
        answer=refusal(param="max_redemptions"),
        accepted=post(CODES, "promotion[type]=coupon&promotion[coupon]=<coupon_for_one>&max_redemptions=1"),
    ),
    Rule(
        id="code.redemptions.positive",
        says="A code's `max_redemptions` is a positive integer.",
        source=code_field(".max_redemptions"),
        refused=post(CODES, OF_COUPON, "max_redemptions=0"),
        answer=refusal(param="max_redemptions"),
        accepted=post(CODES, OF_COUPON, "max_redemptions=1"),
    ),
    Rule(
        id="code.minimum.currency",
        says="A minimum amount has a currency.",
        source=code_field("Restrictions.minimum_amount_currency"),
        refused=post(CODES, OF_COUPON, "restrictions[minimum_amount]=2000"),
        answer=refusal(),
        accepted=post(CODES, OF_COUPON, "restrictions[minimum_amount]=2000&restrictions[minimum_amount_currency]=eur"),
    ),
    Rule(
        id="code.coupon.unknown",
        says="A code's coupon exists.",
        source="https://docs.stripe.com/error-codes#resource-missing",
        refused=post(CODES, "promotion[type]=coupon&promotion[coupon]=NONE"),
        answer=refusal("No such coupon: 'NONE'", code="resource_missing"),
        accepted=post(CODES, OF_COUPON),
    ),
    Rule(
        id="code.immutable",
        says="The text of a promotion code cannot be changed; it can be deactivated.",
        source="stripe/_promotion_code_service.py PromotionCodeService.update",
        refused=post(f"{CODES}/<code>", "code=TEA20"),
        answer=refusal("Received unknown parameter: code", code="parameter_unknown"),
        accepted=post(f"{CODES}/<code>", "active=false"),
        result=shows(active=False),
    ),
    Rule(
        id="code.reactivation",
        says="A code can be reactivated only while its coupon is valid.",
        source=sdk("_promotion_code_update_params", "PromotionCodeUpdateParams.active"),
        given=("code_until_tomorrow", "2_days"),
        refused=post(f"{CODES}/<code_until_tomorrow>", "active=true"),
        answer=refusal(),
        accepted=post(f"{CODES}/<inactive_code>", "active=true"),
        result=shows(active=True),
    ),
)

RULES = (*_COUPONS, *_CODES)
