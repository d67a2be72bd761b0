"""Capture, cancellation and refund of payments."""

from __future__ import annotations

from .givens import SESSIONS
from .rule import Rule, get, post, refusal, sdk, shows

INTENTS, REFUNDS = "/v1/payment_intents", "/v1/refunds"
REFUND_GUIDE = "stripe/_refund_service.py RefundService.create"
CANCEL_GUIDE = "stripe/_payment_intent_service.py PaymentIntentService.cancel"
CAPTURE_GUIDE = "stripe/_payment_intent_service.py PaymentIntentService.capture"
UNEXPECTED = "payment_intent_unexpected_state"

_CAPTURES = (
    Rule(
        id="capture.twice",
        says="A captured payment cannot be captured again.",
        source="stripe/stripe-php#818",
        given=("captured_intent",),
        refused=post(f"{INTENTS}/<captured_intent>/capture"),
        answer=refusal(
            "This PaymentIntent could not be captured because it has already been captured", code=UNEXPECTED
        ),
        accepted=post(f"{INTENTS}/<authorized_intent>/capture"),
        result=shows(status="succeeded", amount_received=1000),
    ),
    Rule(
        id="capture.canceled",
        says="Only a payment with status `requires_capture` can be captured.",
        source="grandnode/grandnode#985",
        refused=post(f"{INTENTS}/<canceled_intent>/capture"),
        answer=refusal(
            "This PaymentIntent could not be captured because it has a status of canceled. Only a PaymentIntent with "
            "one of the following statuses may be captured: requires_capture.",
            code=UNEXPECTED,
        ),
        accepted=post(f"{INTENTS}/<authorized_intent>/capture"),
    ),
    Rule(
        id="capture.amount.maximum",
        says="At most the authorized amount can be captured.",
        source="Automattic/woocommerce-payments#7581",
        refused=post(f"{INTENTS}/<authorized_intent>/capture", "amount_to_capture=1001"),
        answer=refusal(code="amount_too_large"),
        accepted=post(f"{INTENTS}/<authorized_intent>/capture", "amount_to_capture=1000"),
    ),
    Rule(
        id="capture.amount.text",
        says="The refusal of too large a capture speaks of the authorized amount.",
        source="202-ecommerce/stripe_official#98",
        refused=post(f"{INTENTS}/<authorized_intent>/capture", "amount_to_capture=2000"),
        answer=refusal(
            "The payment could not be captured because the requested capture amount is greater than the "
            "authorized amount."
        ),
        accepted=post(f"{INTENTS}/<authorized_intent>/capture", "amount_to_capture=1"),
        result=shows(amount_received=1),
    ),
    Rule(
        id="capture.amount.positive",
        says="The amount to capture is positive.",
        source=sdk("_payment_intent_capture_params", "PaymentIntentCaptureParams.amount_to_capture"),
        refused=post(f"{INTENTS}/<authorized_intent>/capture", "amount_to_capture=0"),
        answer=refusal(param="amount_to_capture"),
        accepted=post(f"{INTENTS}/<authorized_intent>/capture", "amount_to_capture=1"),
    ),
    Rule(
        id="capture.descriptor",
        says="A card payment is not captured with a `statement_descriptor`, but with a suffix.",
        source=sdk("_payment_intent_capture_params", "PaymentIntentCaptureParams.statement_descriptor"),
        refused=post(f"{INTENTS}/<authorized_intent>/capture", "statement_descriptor=TEA SHOP"),
        answer=refusal(),
        accepted=post(f"{INTENTS}/<authorized_intent>/capture", "statement_descriptor_suffix=ORDER 1"),
    ),
    Rule(
        id="capture.rest.refunded",
        says="The rest of a partial capture is released as a refund, which counts as refunded on the charge.",
        source="woocommerce/woocommerce-gateway-stripe#1073",
        given=("authorized_intent", "part_capture"),
        refused=post(f"{INTENTS}/<authorized_intent>/capture", "amount_to_capture=400"),
        answer=refusal(code=UNEXPECTED),
        accepted=get(REFUNDS, "payment_intent=<authorized_intent>"),
        result=shows(data__0__amount=400, data__0__balance_transaction=None),
    ),
    Rule(
        id="capture.session.paid",
        says="The session of an authorized payment is complete and unpaid, and paid once captured.",
        source="https://docs.stripe.com/payments/place-a-hold-on-a-payment-method",
        given=("authorized_intent",),
        refused=get(f"{SESSIONS}/<authorized_session>"),
        answer=shows(status="complete", payment_status="unpaid"),
        accepted=post(f"{INTENTS}/<authorized_intent>/capture", "expand[0]=latest_charge"),
        result=shows(latest_charge__captured=True),
    ),
)

_CANCELLATIONS = (
    Rule(
        id="cancel.succeeded",
        says="A succeeded payment cannot be canceled.",
        source="exercism/website#7062",
        refused=post(f"{INTENTS}/<intent>/cancel"),
        answer=refusal(
            "You cannot cancel this PaymentIntent because it has a status of succeeded. Only a PaymentIntent with one "
            "of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action, processing.",
            code=UNEXPECTED,
        ),
        accepted=post(f"{INTENTS}/<authorized_intent>/cancel"),
        result=shows(status="canceled"),
    ),
    Rule(
        id="cancel.twice",
        says="A canceled payment cannot be canceled again.",
        source="exercism/website#3239",
        refused=post(f"{INTENTS}/<canceled_intent>/cancel"),
        answer=refusal("You cannot cancel this PaymentIntent because it has a status of canceled.", code=UNEXPECTED),
        accepted=post(f"{INTENTS}/<authorized_intent>/cancel"),
    ),
    Rule(
        id="cancel.open-session",
        says="The payment of an open session is canceled by expiring the session.",
        source=CANCEL_GUIDE,
        given=("declined_intent",),
        refused=post(f"{INTENTS}/<declined_intent>/cancel"),
        answer=refusal(),
        accepted=post(f"{SESSIONS}/<declined_session>/expire", "expand[0]=payment_intent"),
        result=shows(status="expired", payment_intent__status="canceled"),
    ),
    Rule(
        id="cancel.reason",
        says="The reason of a cancellation is one of four.",
        source=f"OpenAPI POST {INTENTS}/{{intent}}/cancel cancellation_reason",
        refused=post(f"{INTENTS}/<authorized_intent>/cancel", "cancellation_reason=mistake"),
        answer=refusal(param="cancellation_reason"),
        accepted=post(f"{INTENTS}/<authorized_intent>/cancel", "cancellation_reason=requested_by_customer"),
        result=shows(cancellation_reason="requested_by_customer"),
    ),
    Rule(
        id="cancel.released",
        says="A canceled authorization is released as a refund of the charge.",
        source=CANCEL_GUIDE,
        given=("canceled_intent",),
        refused=post(f"{INTENTS}/<canceled_intent>/capture"),
        answer=refusal(code=UNEXPECTED),
        accepted=get(f"{INTENTS}/<canceled_intent>", "expand[0]=latest_charge"),
        result=shows(latest_charge__amount_refunded=1000, latest_charge__captured=False),
    ),
    Rule(
        id="cancel.event",
        says="A canceled authorization is announced with `charge.refunded`.",
        source="solidusio/solidus_stripe#268",
        given=("canceled_intent",),
        refused=get("/v1/events", "type=charge.captured"),
        answer=shows(data=[]),
        accepted=get("/v1/events", "type=charge.refunded"),
        result=shows(data__0__data__object__payment_intent="<canceled_intent>"),
    ),
)

_REFUNDS = (
    Rule(
        id="refund.required",
        says="A refund names a charge or a payment.",
        source="stripe/stripe-dotnet#2202",
        refused=post(REFUNDS, "amount=100"),
        answer=refusal("Missing required param: charge.", param="charge", code="parameter_missing"),
        accepted=post(REFUNDS, "payment_intent=<intent>&amount=100"),
        result=shows(amount=100, status="succeeded"),
    ),
    Rule(
        id="refund.by-charge",
        says="A charge can be refunded by its own id; an unknown one is 400.",
        source=REFUND_GUIDE,
        refused=post(REFUNDS, "charge=ch_none"),
        answer=refusal("No such charge: 'ch_none'", param="charge", code="resource_missing"),
        accepted=post(REFUNDS, "charge=<charge>"),
        result=shows(amount=1000),
    ),
    Rule(
        id="refund.amount.rest",
        says="At most what is left of a charge can be refunded.",
        source="reactioncommerce/reaction#3704",
        given=("part_refund",),
        refused=post(REFUNDS, "payment_intent=<partly_refunded_intent>&amount=601"),
        answer=refusal("Refund amount (€6.01) is greater than unrefunded amount on charge (€6.00)"),
        accepted=post(REFUNDS, "payment_intent=<partly_refunded_intent>&amount=600"),
    ),
    Rule(
        id="refund.amount.charge",
        says="At most the amount of a charge can be refunded.",
        source="woocommerce/woocommerce-gateway-stripe#1315",
        refused=post(REFUNDS, "payment_intent=<intent>&amount=1001"),
        answer=refusal("Refund amount (€10.01) is greater than charge amount (€10.00)"),
        accepted=post(REFUNDS, "payment_intent=<intent>&amount=1000"),
    ),
    Rule(
        id="refund.amount.positive",
        says="The amount of a refund is a positive integer.",
        source="https://docs.stripe.com/error-codes#parameter-invalid-integer",
        refused=post(REFUNDS, "payment_intent=<intent>&amount=0"),
        answer=refusal(param="amount", code="parameter_invalid_integer"),
        accepted=post(REFUNDS, "payment_intent=<intent>&amount=1"),
    ),
    Rule(
        id="refund.twice",
        says="A fully refunded charge cannot be refunded again.",
        source="Sylius/StripePlugin#120",
        given=("refund",),
        refused=post(REFUNDS, "payment_intent=<refunded_intent>"),
        answer=refusal("has already been refunded", code="charge_already_refunded"),
        accepted=post(REFUNDS, "payment_intent=<intent>"),
    ),
    Rule(
        id="refund.disputed",
        says="A charge that has been charged back cannot be refunded.",
        source="Sylius/StripePlugin#120",
        refused=post(REFUNDS, "payment_intent=<disputed_intent>"),
        answer=refusal("has been charged back; cannot issue a refund", code="charge_disputed"),
        accepted=post(REFUNDS, "payment_intent=<intent>"),
    ),
    Rule(
        id="refund.uncaptured",
        says="An authorized payment is canceled, not refunded.",
        source="https://docs.stripe.com/refunds",
        refused=post(REFUNDS, "payment_intent=<authorized_intent>"),
        answer=refusal(code=UNEXPECTED),
        accepted=post(f"{INTENTS}/<authorized_intent>/cancel"),
    ),
    Rule(
        id="refund.uncaptured.charge",
        says="Nor is the charge of an authorized payment.",
        source="https://docs.stripe.com/refunds",
        refused=post(REFUNDS, "charge=<authorized_charge>"),
        answer=refusal(code=UNEXPECTED, param="charge"),
        accepted=post(REFUNDS, "charge=<charge>"),
    ),
    Rule(
        id="refund.processing",
        says="A delayed payment can be refunded once it has succeeded.",
        source=REFUND_GUIDE,
        given=("debited_intent",),
        refused=post(REFUNDS, "payment_intent=<debited_intent>"),
        answer=refusal(),
        accepted=post("/control/", "action=settle&id=<debited_session>"),
        result=shows(result__status="paid"),
    ),
    Rule(
        id="refund.reason",
        says="The reason of a refund is one of three.",
        source=f"OpenAPI POST {REFUNDS} reason",
        refused=post(REFUNDS, "payment_intent=<intent>&reason=mistake"),
        answer=refusal(param="reason"),
        accepted=post(REFUNDS, "payment_intent=<intent>&reason=duplicate"),
        result=shows(reason="duplicate"),
    ),
    Rule(
        id="refund.update",
        says="Only the metadata of a refund can be changed.",
        source="stripe/_refund_service.py RefundService.update",
        refused=post(f"{REFUNDS}/<refund>", "amount=1"),
        answer=refusal(param="amount", code="parameter_unknown"),
        accepted=post(f"{REFUNDS}/<refund>", "metadata[a]=1"),
        result=shows(metadata__a="1"),
    ),
    Rule(
        id="refund.cancel",
        says="Only a refund that waits for the shopper can be canceled.",
        source="stripe/_refund_service.py RefundService.cancel",
        given=("voucher_intent", "voucher_payment"),
        refused=post(f"{REFUNDS}/<refund>/cancel"),
        answer=refusal(),
        accepted=post(f"{REFUNDS}/<voucher_refund>/cancel"),
        result=shows(status="canceled"),
    ),
    Rule(
        id="refund.charge",
        says="A charge is `refunded` once all of it is.",
        source="https://docs.stripe.com/api/charges/object#charge_object-refunded",
        given=("part_refund", "refund"),
        refused=get("/v1/charges", "payment_intent=<partly_refunded_intent>"),
        answer=shows(data__0__refunded=False, data__0__amount_refunded=400),
        accepted=get("/v1/charges", "payment_intent=<refunded_intent>"),
        result=shows(data__0__refunded=True, data__0__amount_refunded=1000),
    ),
)

RULES = (*_CAPTURES, *_CANCELLATIONS, *_REFUNDS)
