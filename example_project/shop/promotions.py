"""The welcome discount: a coupon and a promotion code at Stripe, which the demo puts into its emulator."""

from __future__ import annotations

import requests

from django_checkout.conf import conf

WELCOME_CODE = "WELCOME10"
COUPON = {"id": "welcome-10", "name": "Welcome", "percent_off": "10", "duration": "once"}
REQUEST_SECONDS = 10


def seed_promotions(session: requests.Session) -> bool:
    """Make the code at the API that STRIPE_API_BASE names, unless it is there; return whether it was made.

    The same few calls by hand, or two forms of the Dashboard, make it at Stripe.

    Raises:
        requests.RequestException: the API does not answer, or refuses.
    """
    session.headers["Authorization"] = f"Bearer {conf.STRIPE_SECRET_KEY}"
    codes = f"{conf.STRIPE_API_BASE}/v1/promotion_codes"
    known = session.get(codes, params={"code": WELCOME_CODE, "active": "true"}, timeout=REQUEST_SECONDS)
    known.raise_for_status()
    if known.json()["data"]:
        return False
    coupons = f"{conf.STRIPE_API_BASE}/v1/coupons"
    if session.get(f"{coupons}/{COUPON['id']}", timeout=REQUEST_SECONDS).status_code != requests.codes.ok:
        session.post(coupons, COUPON, timeout=REQUEST_SECONDS).raise_for_status()
    wish = {"promotion[type]": "coupon", "promotion[coupon]": COUPON["id"], "code": WELCOME_CODE}
    session.post(codes, wish, timeout=REQUEST_SECONDS).raise_for_status()
    return True
