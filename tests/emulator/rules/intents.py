"""PaymentIntents, SetupIntents, PaymentMethods and tokens without a session; charges and payouts."""

from __future__ import annotations

from .rule import Answer, Rule, get, post, refusal, sdk, shows

INTENTS, SETUPS, METHODS, TOKENS = "/v1/payment_intents", "/v1/setup_intents", "/v1/payment_methods", "/v1/tokens"
UNEXPECTED, SETUP_UNEXPECTED = "payment_intent_unexpected_state", "setup_intent_unexpected_state"
CREATE, INCREMENT = "_payment_intent_create_params", "_payment_intent_increment_authorization_params"
TESTING = "https://docs.stripe.com/testing"
EURO = "amount=1000&currency=eur"
CARD = "payment_method_types[0]=card"
VISA = "payment_method=pm_card_visa"
PAID = f"{EURO}&{CARD}&{VISA}&confirm=true"
NUMBER = "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2040"


def _declined(code: str, text: str = "") -> Answer:
    return refusal(text, code=code, kind="card_error", status=402)


_CREATION = (
    *(
        Rule(
            id=f"intent.only-with-confirm.{name}",
            says=f"A new intent takes `{name}` only if it is confirmed at once.",
            source=sdk(CREATE, f"PaymentIntentCreateParams.{name}"),
            refused=post(INTENTS, f"{EURO}&{CARD}&{VISA}&{name}={value}"),
            answer=refusal("unless `confirm` is set to true", param=name),
            accepted=post(INTENTS, PAID, f"{name}={value}"),
            result=shows(status="succeeded"),
        )
        for name, value in (
            ("return_url", "https://shop.example.com/"),
            ("off_session", "true"),
            ("error_on_requires_action", "true"),
        )
    ),
    Rule(
        id="intent.methods.one",
        says="An intent lists its methods or takes those of the Dashboard.",
        source="https://docs.stripe.com/payments/payment-methods/dynamic-payment-methods",
        refused=post(INTENTS, EURO, CARD, "automatic_payment_methods[enabled]=true"),
        answer=refusal("You may only specify one of these parameters"),
        accepted=post(INTENTS, EURO, "automatic_payment_methods[enabled]=true"),
        result=shows(automatic_payment_methods__allow_redirects="always"),
    ),
    Rule(
        id="intent.amount.minimum",
        says="The smallest amount of an intent is that of a charge.",
        source="EuroPython/epcon#1259",
        refused=post(INTENTS, "amount=49&currency=eur"),
        answer=refusal("Amount must be at least €0.50 eur", code="amount_too_small", param="amount"),
        accepted=post(INTENTS, "amount=50&currency=eur"),
        result=shows(amount=50, status="requires_payment_method"),
    ),
    Rule(
        id="intent.method.currency",
        says="A debit exists in its own currency only.",
        source="stripe-samples/firebase-subscription-payments#39",
        refused=post(INTENTS, "amount=1000&currency=usd&payment_method_types[0]=sepa_debit"),
        answer=refusal(param="payment_method_types"),
        accepted=post(INTENTS, "amount=1000&currency=eur&payment_method_types[0]=sepa_debit"),
    ),
    Rule(
        id="intent.descriptor.card",
        says="A card payment has no `statement_descriptor`, but a suffix.",
        source=sdk(CREATE, "PaymentIntentCreateParams.statement_descriptor"),
        refused=post(INTENTS, PAID, "statement_descriptor=TEA SHOP"),
        answer=refusal(param="statement_descriptor"),
        accepted=post(INTENTS, PAID, "statement_descriptor_suffix=ORDER 1"),
        result=shows(status="succeeded"),
    ),
)

_CONFIRMATION = (
    Rule(
        id="intent.confirm.return_url",
        says="An intent with the methods of the Dashboard is confirmed with a `return_url`, or without redirects.",
        source="opencollective/opencollective-frontend#12346",
        refused=post(f"{INTENTS}/<new_intent>/confirm", VISA),
        answer=refusal("A `return_url` must be specified because this Payment Intent is configured to automatically"),
        accepted=post(f"{INTENTS}/<new_intent>/confirm", VISA, "return_url=https://shop.example.com/"),
        result=shows(status="succeeded"),
    ),
    Rule(
        id="intent.confirm.method",
        says="An intent is confirmed with a payment method.",
        source="https://docs.stripe.com/error-codes#payment-intent-unexpected-state",
        refused=post(f"{INTENTS}/<new_card_intent>/confirm"),
        answer=refusal("it's missing a payment method", code=UNEXPECTED),
        accepted=post(f"{INTENTS}/<new_card_intent>/confirm", VISA),
        result=shows(status="succeeded"),
    ),
    Rule(
        id="intent.confirm.twice",
        says="A succeeded intent cannot be confirmed again.",
        source="stripe/stripe-android#4959",
        refused=post(f"{INTENTS}/<direct_intent>/confirm"),
        answer=refusal(
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.",
            code=UNEXPECTED,
        ),
        accepted=post(f"{INTENTS}/<new_card_intent>/confirm", VISA),
    ),
    Rule(
        id="intent.confirm.declined",
        says="A declined card is 402, and the intent waits for another one.",
        source="artsy/exchange#448",
        refused=post(f"{INTENTS}/<new_card_intent>/confirm", "payment_method=pm_card_visa_chargeDeclined"),
        answer=_declined("card_declined", "Your card was declined."),
        accepted=post(f"{INTENTS}/<new_card_intent>/confirm", VISA),
        result=shows(status="succeeded", last_payment_error=None),
    ),
    Rule(
        id="intent.confirm.off-session",
        says="Off session, a card that needs authentication is declined.",
        source="stripe/stripe-ruby#838",
        refused=post(INTENTS, PAID, "payment_method=pm_card_authenticationRequired&off_session=true"),
        answer=_declined(
            "authentication_required", "Your card was declined. This transaction requires authentication."
        ),
        accepted=post(INTENTS, PAID, "payment_method=pm_card_authenticationRequired"),
        result=shows(status="requires_action", next_action__type="use_stripe_sdk"),
    ),
    Rule(
        id="intent.confirm.action",
        says="With `error_on_requires_action`, a card that needs authentication is declined.",
        source=sdk(CREATE, "PaymentIntentCreateParams.error_on_requires_action"),
        refused=post(INTENTS, PAID, "payment_method=pm_card_authenticationRequired&error_on_requires_action=true"),
        answer=_declined("authentication_required"),
        accepted=post(
            INTENTS, PAID, "payment_method=pm_card_authenticationRequired&return_url=https://shop.example.com/"
        ),
        result=shows(next_action__redirect_to_url__return_url="https://shop.example.com/"),
    ),
    Rule(
        id="intent.authenticated",
        says="An intent is paid once the customer has authenticated, without a further confirmation.",
        source="stripe/_payment_intent_service.py PaymentIntentService.confirm",
        given=("challenged_intent", "authentication"),
        refused=post(f"{INTENTS}/<challenged_intent>/confirm"),
        answer=refusal(code=UNEXPECTED),
        accepted=get(f"{INTENTS}/<challenged_intent>", "expand[0]=latest_charge"),
        result=shows(
            status="succeeded", latest_charge__payment_method_details__card__three_d_secure__result="authenticated"
        ),
    ),
    Rule(
        id="intent.method.type",
        says="An intent is paid by one of its types of methods.",
        source="stripe/stripe-terminal-react-native#745",
        refused=post(INTENTS, EURO, "payment_method_types[0]=sepa_debit&confirm=true", VISA),
        answer=refusal("The PaymentMethod provided (card) is not allowed for this PaymentIntent."),
        accepted=post(INTENTS, PAID),
    ),
    Rule(
        id="intent.method.used",
        says="A payment method without customer is used once.",
        source="liberapay/liberapay.com#2686",
        refused=post(INTENTS, PAID, "payment_method=<used_card>"),
        answer=refusal("The provided PaymentMethod was previously used with a PaymentIntent without Customer"),
        accepted=post(INTENTS, PAID, "payment_method=<saved_card>&customer=<customer>"),
    ),
    Rule(
        id="intent.method.customer",
        says="A customer's payment method needs the customer.",
        source="ezet/stripe-sdk#49",
        refused=post(INTENTS, PAID, "payment_method=<saved_card>"),
        answer=refusal("Please include the Customer in the `customer` parameter on the PaymentIntent."),
        accepted=post(INTENTS, PAID, "payment_method=<saved_card>&customer=<customer>"),
    ),
    Rule(
        id="intent.update.amount",
        says="The amount of a paid or authorized intent cannot be changed.",
        source="solidusio/solidus_stripe#186",
        refused=post(f"{INTENTS}/<held_intent>", "amount=900"),
        answer=refusal(
            "This PaymentIntent's amount could not be updated because it has a status of requires_capture. You may "
            "only update the amount of a PaymentIntent with one of the following statuses: requires_payment_method, "
            "requires_confirmation, requires_action.",
            code=UNEXPECTED,
        ),
        accepted=post(f"{INTENTS}/<new_intent>", "amount=900"),
        result=shows(amount=900),
    ),
    Rule(
        id="intent.increment.amount",
        says="An authorization is incremented to a higher amount.",
        source=sdk(
            "_payment_intent_increment_authorization_params", "PaymentIntentIncrementAuthorizationParams.amount"
        ),
        refused=post(f"{INTENTS}/<held_intent>/increment_authorization", "amount=1000"),
        answer=refusal(param="amount"),
        accepted=post(f"{INTENTS}/<held_intent>/increment_authorization", "amount=1001"),
        result=shows(amount=1001, amount_capturable=1001),
    ),
    Rule(
        id="intent.increment.state",
        says="Only an authorization is incremented.",
        source="stripe/_payment_intent_service.py PaymentIntentService.increment_authorization",
        refused=post(f"{INTENTS}/<direct_intent>/increment_authorization", "amount=1100"),
        answer=refusal(code=UNEXPECTED),
        accepted=post(f"{INTENTS}/<held_intent>/increment_authorization", "amount=1100"),
    ),
)

_SETUPS = (
    Rule(
        id="setup.confirm.method",
        says="A SetupIntent is confirmed with a payment method.",
        source="https://docs.stripe.com/error-codes#setup-intent-unexpected-state",
        refused=post(f"{SETUPS}/<new_setup>/confirm"),
        answer=refusal("it's missing a payment method", code=SETUP_UNEXPECTED),
        accepted=post(f"{SETUPS}/<new_setup>/confirm", VISA),
        result=shows(status="succeeded"),
    ),
    Rule(
        id="setup.cancel.succeeded",
        says="A succeeded SetupIntent cannot be canceled.",
        source="stripe/_setup_intent_service.py SetupIntentService.cancel",
        refused=post(f"{SETUPS}/<done_setup>/cancel"),
        answer=refusal(code=SETUP_UNEXPECTED),
        accepted=post(f"{SETUPS}/<new_setup>/cancel"),
        result=shows(status="canceled"),
    ),
    Rule(
        id="setup.declined",
        says="A card that is declined is not saved.",
        source="https://docs.stripe.com/testing#declined-payments",
        refused=post(f"{SETUPS}/<new_setup>/confirm", "payment_method=pm_card_visa_chargeDeclined"),
        answer=_declined("card_declined"),
        accepted=post(f"{SETUPS}/<new_setup>/confirm", "payment_method=pm_card_chargeCustomerFail"),
    ),
)

_METHODS = (
    Rule(
        id="method.attach.declined",
        says="A card that is declined cannot be attached to a customer.",
        source=f"{TESTING}#declined-payments",
        refused=post(f"{METHODS}/pm_card_visa_chargeDeclined/attach", "customer=<customer>"),
        answer=_declined("card_declined"),
        accepted=post(f"{METHODS}/pm_card_chargeCustomerFail/attach", "customer=<customer>"),
        result=shows(customer="<customer>"),
    ),
    Rule(
        id="token.once",
        says="A token is used once.",
        source="MuckRock/squarelet#246",
        given=("method_of_token",),
        refused=post(METHODS, "type=card&card[token]=<token>"),
        answer=refusal("You cannot use a Stripe token more than once: <token>.", code="token_already_used"),
        accepted=post(METHODS, "type=card&card[token]=<other_token>"),
        result=shows(card__last4="4242"),
    ),
    *(
        Rule(
            id=f"card.{code}",
            says=f"A card with {what} is refused.",
            source=f"{TESTING}#invalid-data",
            refused=post(METHODS, NUMBER, f"card[{name}]={wrong}"),
            answer=_declined(code),
            accepted=post(METHODS, NUMBER, f"card[{name}]={right}"),
        )
        for code, what, name, wrong, right in (
            ("invalid_expiry_month", "the month 13", "exp_month", "13", "12"),
            ("invalid_expiry_year", "a year in the past", "exp_year", "1995", "2041"),
            ("invalid_cvc", "a security code of two digits", "cvc", "99", "999"),
            ("incorrect_number", "a wrong check digit", "number", "4242424242424241", "4242424242424242"),
        )
    ),
)

_MONEY = (
    Rule(
        id="payout.balance",
        says="A payout is covered by the available balance.",
        source="stripe/stripe-node#1147",
        given=("available_intent",),
        refused=post("/v1/payouts", "amount=1000000&currency=eur"),
        answer=refusal("You have insufficient funds in your Stripe account", code="balance_insufficient"),
        accepted=post("/v1/payouts", "amount=100&currency=eur"),
        result=shows(status="pending", automatic=False),
    ),
    Rule(
        id="payout.cancel",
        says="A payout is canceled while it is pending.",
        source="stripe/_payout_service.py PayoutService.cancel",
        given=("available_intent", "canceled_payout"),
        refused=post("/v1/payouts/<payout>/cancel"),
        answer=refusal("Payouts can only be canceled while they are pending."),
        accepted=post("/v1/payouts/<other_payout>/cancel"),
        result=shows(status="canceled"),
    ),
    Rule(
        id="refund.expire",
        says="Only a refund that waits for the shopper can be expired.",
        source="stripe/test_helpers/_refund_service.py RefundService.expire",
        given=("voucher_intent", "voucher_payment"),
        refused=post("/v1/test_helpers/refunds/<refund>/expire"),
        answer=refusal(),
        accepted=post("/v1/test_helpers/refunds/<voucher_refund>/expire"),
        result=shows(status="failed"),
    ),
    Rule(
        id="charge.dispute.none",
        says="A charge without a dispute has none.",
        source="OpenAPI GET /v1/charges/{charge}/dispute charge",
        refused=get("/v1/charges/<charge>/dispute"),
        answer=refusal(code="resource_missing", status=404),
        accepted=get("/v1/charges/<disputed_charge>/dispute"),
        result=shows(reason="fraudulent"),
    ),
)

RULES = (*_CREATION, *_CONFIRMATION, *_SETUPS, *_METHODS, *_MONEY)
