"""Update and expiry of sessions, and subscriptions."""

from __future__ import annotations

from .givens import PAYMENT, RATE, SESSIONS, SUBSCRIPTION
from .rule import Rule, get, post, refusal, sdk, shows

SUBSCRIPTIONS = "/v1/subscriptions"
ADDRESS = (
    "collected_information[shipping_details][name]=Kim"
    "&collected_information[shipping_details][address][line1]=Weg 1"
    "&collected_information[shipping_details][address][country]=DE"
)
UPDATES = "https://docs.stripe.com/payments/advanced/dynamic-updates"

_SESSIONS = (
    *(
        Rule(
            id=f"session.expire.{name}",
            says=f"Only an open session can be expired, not one that is {status}.",
            source="Sylius/PayumStripePlugin#70",
            given=given,
            refused=post(f"{SESSIONS}/<{session}>/expire"),
            answer=refusal(
                'Only Checkout Sessions with a status in ["open"] can be expired. '
                f"This Checkout Session has a status of `{status}`."
            ),
            accepted=post(f"{SESSIONS}/<session>/expire"),
            result=shows(status="expired", url=None),
        )
        for name, status, session, given in (
            ("expired", "expired", "other_session", ("expired_session",)),
            ("complete", "complete", "paid_session", ("intent",)),
        )
    ),
    Rule(
        id="session.update.expired",
        says="The shipping options of an expired session cannot be changed.",
        source=UPDATES,
        refused=post(f"{SESSIONS}/<expired_session>", RATE),
        answer=refusal(),
        accepted=post(f"{SESSIONS}/<session>", RATE),
        result=shows(amount_total=1490),
    ),
    Rule(
        id="session.update.complete",
        says="The shipping options of a complete session cannot be changed.",
        source=UPDATES,
        given=("intent",),
        refused=post(f"{SESSIONS}/<paid_session>", RATE),
        answer=refusal(),
        accepted=post(f"{SESSIONS}/<session>", RATE),
    ),
    Rule(
        id="session.update.lines",
        says="Line items can be changed with `ui_mode: elements` only.",
        source="https://docs.stripe.com/payments/checkout/elements-with-checkout-sessions-api",
        refused=post(f"{SESSIONS}/<embedded_session>", "line_items[0][price]=<price>&line_items[0][quantity]=2"),
        answer=refusal(),
        accepted=post(f"{SESSIONS}/<elements_session>", "line_items[0][price]=<price>&line_items[0][quantity]=2"),
        result=shows(amount_total=2000),
    ),
    Rule(
        id="session.update.address",
        says="The shop sets the shipping address with `embedded_page` and `elements` only.",
        source=sdk("checkout/_session_update_params", "SessionUpdateParams.collected_information"),
        refused=post(f"{SESSIONS}/<session>", ADDRESS),
        answer=refusal(),
        accepted=post(f"{SESSIONS}/<embedded_session>", ADDRESS),
        result=shows(collected_information__shipping_details__name="Kim"),
    ),
    Rule(
        id="session.update.address.required",
        says="A shipping address has `country` and `line1`.",
        source=f"OpenAPI POST {SESSIONS}/{{session}} collected_information[shipping_details][address]",
        refused=post(
            f"{SESSIONS}/<embedded_session>", ADDRESS, "-collected_information[shipping_details][address][line1]"
        ),
        answer=refusal(code="parameter_missing"),
        accepted=post(f"{SESSIONS}/<embedded_session>", ADDRESS),
    ),
    Rule(
        id="session.update.immutable",
        says="`client_reference_id` cannot be changed; metadata can.",
        source=f"OpenAPI POST {SESSIONS}/{{session}} metadata",
        refused=post(f"{SESSIONS}/<session>", "client_reference_id=2"),
        answer=refusal("Received unknown parameter: client_reference_id", code="parameter_unknown"),
        accepted=post(f"{SESSIONS}/<session>", "metadata[order]=2"),
        result=shows(metadata__order="2"),
    ),
    Rule(
        id="session.update.expires-at",
        says="`expires_at` cannot be changed.",
        source=f"OpenAPI POST {SESSIONS}/{{session}} metadata",
        refused=post(f"{SESSIONS}/<session>", "expires_at=<now+3600>"),
        answer=refusal(param="expires_at", code="parameter_unknown"),
        accepted=post(f"{SESSIONS}/<session>/expire"),
    ),
    Rule(
        id="session.update.shipping.mode",
        says="A subscription's session has no shipping options later either.",
        source="https://docs.stripe.com/payments/checkout/custom-shipping-options",
        refused=post(f"{SESSIONS}/<subscription_session>", RATE),
        answer=refusal(),
        accepted=post(f"{SESSIONS}/<session>", RATE),
    ),
    Rule(
        id="session.update.shipping.count",
        says="At most 5 shipping options can be set later.",
        source=sdk("checkout/_session_update_params", "SessionUpdateParams.shipping_options"),
        refused=post(f"{SESSIONS}/<session>", {f"shipping_options[{n}][shipping_rate]": "<rate>" for n in range(6)}),
        answer=refusal(),
        accepted=post(f"{SESSIONS}/<session>", {f"shipping_options[{n}][shipping_rate]": "<rate>" for n in range(5)}),
    ),
    Rule(
        id="session.pay.expired",
        says="An expired session cannot be paid.",
        source="stripe/checkout/_session_service.py SessionService.expire",
        given=("expired_session",),
        refused=post("/control/", "action=pay&id=<other_session>"),
        answer=refusal(kind=""),
        accepted=post("/control/", "action=pay&id=<session>"),
        result=shows(result__status="paid"),
    ),
    Rule(
        id="session.url",
        says="Only an open session has a URL.",
        source="https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-url",
        given=("expired_session",),
        refused=get(f"{SESSIONS}/<other_session>"),
        answer=shows(url=None, status="expired"),
        accepted=get(f"{SESSIONS}/<session>"),
        result=shows(status="open", payment_intent=None),
    ),
)

_SUBSCRIPTIONS = (
    Rule(
        id="subscription.currency",
        says="A customer's subscriptions have one currency.",
        source="Automattic/woocommerce-payments#7732",
        given=("subscription_payment",),
        refused=post(SESSIONS, SUBSCRIPTION, "customer=<customer>&line_items[0][price_data][currency]=usd"),
        answer=refusal(
            "You cannot combine currencies on a single customer. This customer has an active subscription, "
            "subscription schedule, discount, quote, or invoice item with currency eur."
        ),
        accepted=post(SESSIONS, SUBSCRIPTION, "customer=<customer>"),
    ),
    Rule(
        id="subscription.currency.payment",
        says="One-time payments of such a customer may have another currency.",
        source="Automattic/woocommerce-payments#7732",
        given=("subscription_payment",),
        refused=post(SESSIONS, SUBSCRIPTION, "customer=<customer>&line_items[0][price_data][currency]=gbp"),
        answer=refusal("You cannot combine currencies on a single customer."),
        accepted=post(SESSIONS, PAYMENT, "customer=<customer>&line_items[0][price_data][currency]=gbp"),
    ),
    Rule(
        id="subscription.canceled.update",
        says="Of a canceled subscription only metadata and cancellation details can be changed.",
        source="fjordllc/bootcamp#10390",
        given=("subscription_payment", "subscription", "canceled_subscription"),
        refused=post(f"{SUBSCRIPTIONS}/<subscription>", "description=Tea"),
        answer=refusal("A canceled subscription can only update its cancellation_details and metadata."),
        accepted=post(f"{SUBSCRIPTIONS}/<subscription>", "metadata[a]=1"),
        result=shows(metadata__a="1", status="canceled"),
    ),
    Rule(
        id="subscription.canceled.code",
        says="That refusal has a code of its own.",
        source="https://docs.stripe.com/error-codes#invalid-canceled-subscription-fields",
        given=("subscription_payment", "subscription", "canceled_subscription"),
        refused=post(f"{SUBSCRIPTIONS}/<subscription>", "cancel_at_period_end=true"),
        answer=refusal(code="invalid_canceled_subscription_fields"),
        accepted=post(f"{SUBSCRIPTIONS}/<subscription>", "cancellation_details[comment]=Moved"),
        result=shows(cancellation_details__comment="Moved"),
    ),
    Rule(
        id="subscription.card",
        says="A subscription is paid with a card of its own customer.",
        source=sdk("_subscription_update_params", "SubscriptionUpdateParams.default_payment_method"),
        given=("subscription_payment",),
        refused=post(f"{SUBSCRIPTIONS}/<subscription>", "default_payment_method=<card_of_other_customer>"),
        answer=refusal(),
        accepted=post(f"{SUBSCRIPTIONS}/<subscription>", "default_payment_method=<saved_card>"),
        result=shows(default_payment_method="<saved_card>"),
    ),
    Rule(
        id="subscription.listed",
        says="Canceled subscriptions are listed only on request.",
        source="stripe/_subscription_service.py SubscriptionService.list",
        given=("subscription_payment", "subscription", "canceled_subscription"),
        refused=get(SUBSCRIPTIONS),
        answer=shows(data=[]),
        accepted=get(SUBSCRIPTIONS, "status=canceled"),
        result=shows(data__0__id="<subscription>"),
    ),
)

RULES = (
    Rule(
        id="intent.update.receipt_email",
        says="The receipt's address of a payment in process cannot be changed.",
        source="solspace/craft-freeform#2644",
        given=("debited_intent", "intent"),
        refused=post("/v1/payment_intents/<debited_intent>", "receipt_email=kim@example.com"),
        answer=refusal(
            "This PaymentIntent's receipt_email could not be updated because it has a status of processing. You may "
            "only update the receipt_email of a PaymentIntent with one of the following statuses: "
            "requires_payment_method, requires_confirmation, requires_action, requires_capture, succeeded."
        ),
        accepted=post("/v1/payment_intents/<intent>", "receipt_email=kim@example.com"),
        result=shows(receipt_email="kim@example.com"),
    ),
    *_SESSIONS,
    *_SUBSCRIPTIONS,
)
