"""Recurring prices of a new session."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS, SUBSCRIPTION
from .rule import Rule, post, refusal, session_field, shows

RECURRING = "line_items[0][price_data][recurring]"
MONTHLY = "line_items[1][price]=<monthly_price>&line_items[1][quantity]=1"
#: Intervals, and their numbers in three years.
THREE_YEARS = {"year": 3, "month": 36, "week": 156}

RULES = (
    Rule(
        id="recurring.in-payment",
        says="Recurring prices are not bought in `payment` mode.",
        source="dayhaysoos/use-shopping-cart#224",
        refused=post(SESSIONS, PAYMENT, f"{RECURRING}[interval]=month"),
        answer=refusal(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices."
        ),
        accepted=post(SESSIONS, SUBSCRIPTION),
    ),
    Rule(
        id="recurring.required",
        says="`subscription` mode needs a recurring price.",
        source="invertase/stripe-firebase-extensions#98",
        refused=post(SESSIONS, PAYMENT, "mode=subscription"),
        answer=refusal("You must provide at least one recurring price in `subscription` mode when using prices."),
        accepted=post(SESSIONS, SUBSCRIPTION, "line_items[1][price]=<price>&line_items[1][quantity]=1"),
        result=shows(amount_total=2000),
    ),
    Rule(
        id="recurring.intervals",
        says="All recurring prices of a session have the same interval.",
        source="better-auth/better-auth#7221",
        refused=post(
            SESSIONS,
            SUBSCRIPTION,
            f"{RECURRING}[interval]=year",
            MONTHLY,
        ),
        answer=refusal(),
        accepted=post(SESSIONS, SUBSCRIPTION, MONTHLY),
    ),
    *(
        Rule(
            id=f"recurring.maximum.{interval}",
            says=f"A price recurs at least every {count} {interval}s.",
            source=session_field("LineItemPriceDataRecurring.interval_count"),
            refused=post(
                SESSIONS, SUBSCRIPTION, f"{RECURRING}[interval]={interval}&{RECURRING}[interval_count]={count + 1}"
            ),
            answer=refusal(),
            accepted=post(
                SESSIONS, SUBSCRIPTION, f"{RECURRING}[interval]={interval}&{RECURRING}[interval_count]={count}"
            ),
        )
        for interval, count in THREE_YEARS.items()
    ),
    Rule(
        id="recurring.count.positive",
        says="`interval_count` is positive.",
        source="restrictcontentpro/restrict-content-pro#373",
        refused=post(SESSIONS, SUBSCRIPTION, f"{RECURRING}[interval_count]=0"),
        answer=refusal("Invalid positive integer", param=f"{RECURRING}[interval_count]"),
        accepted=post(SESSIONS, SUBSCRIPTION, f"{RECURRING}[interval_count]=1"),
    ),
    Rule(
        id="recurring.interval.known",
        says="An interval is a day, week, month or year.",
        source=session_field("LineItemPriceDataRecurring.interval"),
        refused=post(SESSIONS, SUBSCRIPTION, f"{RECURRING}[interval]=quarter"),
        answer=refusal(param=f"{RECURRING}[interval]"),
        accepted=post(SESSIONS, SUBSCRIPTION, f"{RECURRING}[interval]=week"),
    ),
)
