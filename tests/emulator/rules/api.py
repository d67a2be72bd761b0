"""Keys, idempotency and unknown ids."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS
from .rule import Rule, get, post, refusal, shows

CUSTOMERS = "/v1/customers"
KEYS = "https://docs.stripe.com/keys"
IDEMPOTENCY = "https://docs.stripe.com/api/idempotent_requests"
MISSING = "https://docs.stripe.com/error-codes#resource-missing"
SECRET = "Bearer sk_test_rules"


def _unknown(name: str, path: str, *, kind: str, object_id: str, known: str) -> Rule:
    return Rule(
        id=f"missing.path.{name}",
        says=f"An unknown {kind} in the path is 404.",
        source=MISSING,
        refused=get(path.format(object_id)),
        answer=refusal(f"No such {kind}: '{object_id}'", code="resource_missing", status=404),
        accepted=get(path.format(f"<{known}>")),
        result=shows(id=f"<{known}>"),
    )


def _in_body(name: str, path: str, form: str, field: str, object_id: str, known: str) -> Rule:
    return Rule(
        id=f"missing.body.{name}",
        says=f"An unknown id in `{field}` is 400, and is named by the parameter.",
        source="redwoodjs/example-store-stripe#168",
        refused=post(path, form, {field: object_id}),
        answer=refusal(param=field, code="resource_missing"),
        accepted=post(path, form, {field: f"<{known}>"}),
    )


_KEYS = (
    Rule(
        id="key.none",
        says="A request without a key is 401.",
        source=KEYS,
        refused=get(CUSTOMERS, Authorization=""),
        answer=refusal("You did not provide an API key.", status=401),
        accepted=get(CUSTOMERS, Authorization=SECRET),
    ),
    Rule(
        id="key.invalid",
        says="An unknown key is 401 and is repeated masked.",
        source=KEYS,
        refused=get(CUSTOMERS, Authorization="Bearer nonsense"),
        answer=refusal("Invalid API Key provided: nonsense", status=401),
        accepted=get(CUSTOMERS, Authorization="Bearer sk_test_other"),
    ),
    Rule(
        id="key.publishable",
        says="A publishable key may not use the API.",
        source="https://docs.stripe.com/error-codes#secret-key-required",
        refused=get(CUSTOMERS, Authorization="Bearer pk_test_rules"),
        answer=refusal(status=403, code="secret_key_required"),
        accepted=get(CUSTOMERS, Authorization="Bearer rk_test_rules"),
    ),
    Rule(
        id="key.basic",
        says="A key may be sent as the user of basic authentication.",
        source="https://docs.stripe.com/api/authentication",
        refused=get(CUSTOMERS, Authorization="Basic cGtfdGVzdF94Og=="),
        answer=refusal(status=403),
        accepted=get(CUSTOMERS, Authorization="Basic c2tfdGVzdF94Og=="),
    ),
)

_IDEMPOTENCY = (
    Rule(
        id="idempotency.parameters",
        says="A key is used with the same parameters again.",
        source="fjordllc/bootcamp#3928",
        given=("customer_by_key",),
        refused=post(CUSTOMERS, "name=Sam", Idempotency_Key="rules-1"),
        answer=refusal(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            "using a key other than 'rules-1' if you meant to execute a different request.",
            kind="idempotency_error",
        ),
        accepted=post(CUSTOMERS, "name=Kim", Idempotency_Key="rules-1"),
        result=shows(id="<customer_by_key>"),
    ),
    Rule(
        id="idempotency.endpoint",
        says="A key is used for the same endpoint again.",
        source="stripe/stripe-ruby#598",
        given=("customer_by_key",),
        refused=post("/v1/products", "name=Kim", Idempotency_Key="rules-1"),
        answer=refusal(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            "('/v1/products' vs '/v1/customers'). Try using a key other than 'rules-1' if you meant to execute a "
            "different request.",
            kind="idempotency_error",
        ),
        accepted=post("/v1/products", "name=Kim", Idempotency_Key="rules-2"),
    ),
    Rule(
        id="idempotency.length",
        says="A key has at most 255 characters.",
        source=IDEMPOTENCY,
        refused=post(CUSTOMERS, "name=Kim", Idempotency_Key="k" * 256),
        answer=refusal(),
        accepted=post(CUSTOMERS, "name=Kim", Idempotency_Key="k" * 255),
    ),
    Rule(
        id="idempotency.validation",
        says="A refused request with invalid parameters does not use up its key.",
        source=IDEMPOTENCY,
        refused=post(CUSTOMERS, "surprise=1", Idempotency_Key="rules-3"),
        answer=refusal(code="parameter_unknown"),
        accepted=post(CUSTOMERS, "name=Kim", Idempotency_Key="rules-3"),
    ),
    Rule(
        id="idempotency.get",
        says="GET requests ignore keys.",
        source=IDEMPOTENCY,
        given=("customer_by_key",),
        refused=post(CUSTOMERS, "name=Alex", Idempotency_Key="rules-1"),
        answer=refusal(kind="idempotency_error"),
        accepted=get(f"{CUSTOMERS}/<customer_by_key>", Idempotency_Key="rules-1"),
    ),
)

_MISSING = (
    _unknown("session", f"{SESSIONS}/{{}}", kind="checkout.session", object_id="cs_test_none", known="session"),
    _unknown("customer", f"{CUSTOMERS}/{{}}", kind="customer", object_id="cus_none", known="customer"),
    _unknown("payment", "/v1/payment_intents/{}", kind="payment_intent", object_id="pi_none", known="intent"),
    _unknown("price", "/v1/prices/{}", kind="price", object_id="price_none", known="price"),
    _unknown("product", "/v1/products/{}", kind="product", object_id="prod_none", known="product"),
    _unknown("coupon", "/v1/coupons/{}", kind="coupon", object_id="NONE", known="coupon"),
    _in_body("customer", SESSIONS, PAYMENT, "customer", "cus_none", "customer"),
    _in_body("payment", "/v1/refunds", "", "payment_intent", "pi_none", "intent"),
    _in_body(
        "portal",
        "/v1/billing_portal/sessions",
        "return_url=https://shop.example.com/",
        "customer",
        "cus_none",
        "customer",
    ),
    _in_body("attach", "/v1/payment_methods/<saved_card>/attach", "", "customer", "cus_none", "customer"),
    Rule(
        id="missing.url",
        says="An unknown URL is 404.",
        source="https://docs.stripe.com/api/errors",
        refused=get("/v1/nothing"),
        answer=refusal("Unrecognized request URL (GET: /v1/nothing).", status=404),
        accepted=get("/v1/customers"),
    ),
    Rule(
        id="missing.slash",
        says="An empty id is an unknown URL.",
        source="exercism/website#7474",
        refused=get("/v1/checkout/sessions/"),
        answer=refusal(
            "Unrecognized request URL (GET: /v1/checkout/sessions/). If you are trying to list objects, remove the "
            "trailing slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) "
            "identifier in your code. Please see https://stripe.com/docs or we can help at "
            "https://support.stripe.com/.",
            status=404,
        ),
        accepted=get("/v1/checkout/sessions"),
    ),
    Rule(
        id="unknown.parameter",
        says="An unknown parameter is refused.",
        source="https://docs.stripe.com/error-codes#parameter-unknown",
        refused=post(CUSTOMERS, "livemode=false"),
        answer=refusal("Received unknown parameter: livemode", param="livemode", code="parameter_unknown"),
        accepted=post(CUSTOMERS, "name=Kim"),
    ),
    Rule(
        id="object.expected",
        says="A text is not an object.",
        source="stripe/stripe-java#1541",
        refused=post("/v1/prices", "product=<product>&currency=usd&unit_amount=1000&recurring={interval=month}"),
        answer=refusal("Invalid object", param="recurring"),
        accepted=post("/v1/prices", "product=<product>&currency=usd&unit_amount=1000&recurring[interval]=month"),
    ),
)

RULES = (*_KEYS, *_IDEMPOTENCY, *_MISSING)
