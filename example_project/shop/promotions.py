"""The welcome discount: a coupon and a promotion code, which the demo creates in its emulator."""

from __future__ import annotations

import requests

from django_checkout.conf import conf

WELCOME_CODE = "WELCOME10"
COUPON = {"id": "welcome-10", "name": "Welcome", "percent_off": "10", "duration": "once"}
REQUEST_SECONDS = 10


def seed_promotions(session: requests.Session) -> bool:
    """Create the code at STRIPE_API_BASE unless it exists; return whether it was created.

    At Stripe, create it in the Dashboard.

    Raises:
        requests.RequestException: the API does not respond, or refuses.
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
    code = {"promotion[type]": "coupon", "promotion[coupon]": COUPON["id"], "code": WELCOME_CODE}
    session.post(codes, code, timeout=REQUEST_SECONDS).raise_for_status()
    return True
