"""Ephemeral keys and customer sessions, which a customer's browser or phone receives."""

from __future__ import annotations

from .rule import MISSING, Rule, get, post, refusal, sdk, shows

KEYS = "/v1/ephemeral_keys"
SESSIONS = "/v1/customer_sessions"
CUSTOMER = "customer=<customer>"
ELEMENT = f"{CUSTOMER}&components[payment_element][enabled]=true"
FEATURES = "components[payment_element][features]"
_PARAMS = "_customer_session_create_params"

RULES = (
    Rule(
        id="ephemeral-key.version",
        says="An ephemeral key needs the `Stripe-Version` of the mobile library in the request.",
        source="stripe/stripe-node#2351",
        refused=post(KEYS, CUSTOMER, Stripe_Version=""),
        answer=refusal(),
        accepted=post(KEYS, CUSTOMER, Stripe_Version="2020-08-27"),
        result=shows(associated_objects__0__id="<customer>"),
    ),
    Rule(
        id="ephemeral-key.known-version",
        says="The version of an ephemeral key is one of Stripe's.",
        source="beam-community/stripity-stripe#613",
        refused=post(KEYS, CUSTOMER, Stripe_Version="2019-05-16, 2019-12-03"),
        answer=refusal("Invalid Stripe API version: 2019-05-16, 2019-12-03"),
        accepted=post(KEYS, CUSTOMER, Stripe_Version="2019-05-16"),
    ),
    Rule(
        id="ephemeral-key.customer",
        says="An ephemeral key is for an existing customer.",
        source=MISSING,
        refused=post(KEYS, "customer=cus_unknown"),
        answer=refusal("No such customer: 'cus_unknown'", param="customer", code="resource_missing"),
        accepted=post(KEYS, CUSTOMER),
    ),
    Rule(
        id="ephemeral-key.scope",
        says="An ephemeral key gives access to its own customer only.",
        source="stripe/_ephemeral_key.py EphemeralKey.secret",
        refused=get("/v1/customers/<other_customer>", Authorization="Bearer <ephemeral_secret>"),
        answer=refusal(status=403, code="more_permissions_required"),
        accepted=get("/v1/customers/<customer>", Authorization="Bearer <ephemeral_secret>"),
        result=shows(id="<customer>"),
    ),
    Rule(
        id="customer-session.components",
        says="A customer session enables a component at least.",
        source=sdk(_PARAMS, "CustomerSessionCreateParams.components"),
        refused=post(SESSIONS, CUSTOMER, "components[payment_element][enabled]=false"),
        answer=refusal(param="components"),
        accepted=post(SESSIONS, ELEMENT),
        result=shows(components__payment_element__enabled=True, components__buy_button__enabled=False),
    ),
    Rule(
        id="customer-session.customer",
        says="A customer session is for an existing customer.",
        source=MISSING,
        refused=post(SESSIONS, ELEMENT, "customer=cus_unknown"),
        answer=refusal("No such customer: 'cus_unknown'", param="customer", code="resource_missing"),
        accepted=post(SESSIONS, ELEMENT),
    ),
    Rule(
        id="customer-session.redisplay-limit",
        says="A Payment Element shows up to 10 saved payment methods.",
        source=sdk(
            _PARAMS, "CustomerSessionCreateParamsComponentsPaymentElementFeatures.payment_method_redisplay_limit"
        ),
        refused=post(SESSIONS, ELEMENT, f"{FEATURES}[payment_method_redisplay_limit]=11"),
        answer=refusal(param=f"{FEATURES}[payment_method_redisplay_limit]", code="parameter_invalid_integer"),
        accepted=post(SESSIONS, ELEMENT, f"{FEATURES}[payment_method_redisplay_limit]=10"),
        result=shows(components__payment_element__features__payment_method_redisplay_limit=10),
    ),
)
