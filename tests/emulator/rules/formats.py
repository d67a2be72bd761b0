"""The formats of e-mail addresses, countries, tax codes and URLs, wherever they are sent."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS
from .rule import MISSING, Rule, Sent, post, refusal, sdk, session_field, shows

CUSTOMERS, METHODS, PRODUCTS, RATES = "/v1/customers", "/v1/payment_methods", "/v1/products", "/v1/shipping_rates"
INTENTS = "/v1/payment_intents"
EMAIL = "https://docs.stripe.com/error-codes#email-invalid"
COUNTRY = "sap-labs-france/ev-server#2420"
CODE = "line_items[0][price_data][product_data][tax_code]"
IMAGE = "line_items[0][price_data][product_data][images][0]"
BRANDING = "branding_settings"
SHIPPED = "amount=1000&currency=eur&shipping[name]=Kim&shipping[address][line1]=Weg 1"
PAID = f"{PAYMENT}&payment_intent_data[shipping][name]=Kim&payment_intent_data[shipping][address][line1]=Weg 1"
VISA = "type=card&card[token]=tok_visa"

#: What has an address, the request and the parameter.
ADDRESSES = (
    ("customer", CUSTOMERS, "", "address[country]"),
    ("recipient", CUSTOMERS, "shipping[name]=Kim&shipping[address][line1]=Weg 1", "shipping[address][country]"),
    ("payment", INTENTS, SHIPPED, "shipping[address][country]"),
    ("session", SESSIONS, PAID, "payment_intent_data[shipping][address][country]"),
    ("method", METHODS, VISA, "billing_details[address][country]"),
)
#: What has a tax code, the request and the parameter.
TAX_CODES = (
    ("line", SESSIONS, PAYMENT, CODE),
    ("product", PRODUCTS, "name=Tea", "tax_code"),
    ("shipping", RATES, "display_name=Post&fixed_amount[amount]=490&fixed_amount[currency]=eur", "tax_code"),
)


def _icon_and_logo(*kinds: str) -> Sent:
    images = (
        f"{BRANDING}[{kind}][type]=url&{BRANDING}[{kind}][url]=https://shop.example.com/{kind}.png" for kind in kinds
    )
    return post(SESSIONS, PAYMENT, *images)


RULES = (
    Rule(
        id="format.email.method",
        says="The e-mail address of a payment method is one.",
        source=EMAIL,
        refused=post(METHODS, VISA, "billing_details[email]=kim"),
        answer=refusal(param="billing_details[email]", code="email_invalid"),
        accepted=post(METHODS, VISA, "billing_details[email]=kim@example.com"),
        result=shows(billing_details__email="kim@example.com"),
    ),
    Rule(
        id="format.email.charge",
        says="A receipt is sent to an e-mail address.",
        source=EMAIL,
        refused=post("/v1/charges/<charge>", "receipt_email=kim"),
        answer=refusal(param="receipt_email", code="email_invalid"),
        accepted=post("/v1/charges/<charge>", "receipt_email=kim@example.com"),
        result=shows(receipt_email="kim@example.com"),
    ),
    *(
        Rule(
            id=f"format.country.{name}",
            says=f"The country in `{param}` is a code of two letters.",
            source=COUNTRY,
            refused=post(path, text, {param: "Germany"}),
            answer=refusal("Country 'Germany' is unknown.", param=param),
            accepted=post(path, text, {param: "DE"}),
        )
        for name, path, text, param in ADDRESSES
    ),
    *(
        Rule(
            id=f"format.tax-code.{name}",
            says=f"`{param}` is the id of a tax code.",
            source=MISSING,
            refused=post(path, text, {param: "books"}),
            answer=refusal(param=param, code="resource_missing"),
            accepted=post(path, text, {param: "txcd_99999999"}),
        )
        for name, path, text, param in TAX_CODES
    ),
    Rule(
        id="format.url.host",
        says="A URL has a host.",
        source="https://docs.stripe.com/error-codes#url-invalid",
        refused=post(SESSIONS, PAYMENT, "success_url=https:///thanks/"),
        answer=refusal(param="success_url", code="url_invalid"),
        accepted=post(SESSIONS, PAYMENT, "success_url=https://shop.example.com"),
    ),
    Rule(
        id="format.image",
        says="The refusal of a product's image names the parameter of the line item.",
        source="https://docs.stripe.com/error-codes#url-invalid",
        refused=post(SESSIONS, PAYMENT, {IMAGE: "tea.png"}),
        answer=refusal(param=IMAGE, code="url_invalid"),
        accepted=post(SESSIONS, PAYMENT, {IMAGE: "https://shop.example.com/tea.png"}),
    ),
    Rule(
        id="format.branding.background",
        says="The background color is a hex value that starts with `#`.",
        source=session_field("BrandingSettings.background_color"),
        refused=post(SESSIONS, PAYMENT, f"{BRANDING}[background_color]=white"),
        answer=refusal(param=f"{BRANDING}[background_color]"),
        accepted=post(SESSIONS, PAYMENT, f"{BRANDING}[background_color]=#ffffff"),
        result=shows(branding_settings__background_color="#ffffff"),
    ),
    Rule(
        id="format.branding.name",
        says="The name on the page has at most 5,000 characters.",
        source=f"OpenAPI POST {SESSIONS} branding_settings[display_name]",
        refused=post(SESSIONS, PAYMENT, {f"{BRANDING}[display_name]": "x" * 5001}),
        answer=refusal(param=f"{BRANDING}[display_name]"),
        accepted=post(SESSIONS, PAYMENT, {f"{BRANDING}[display_name]": "Tea & more"}),
        result=shows(branding_settings__display_name="Tea & more"),
    ),
    Rule(
        id="format.branding.image",
        says="A page shows a logo or an icon, not both.",
        source="stripe/checkout/_session.py BrandingSettings.icon",
        refused=_icon_and_logo("icon", "logo"),
        answer=refusal(),
        accepted=_icon_and_logo("icon"),
    ),
    Rule(
        id="format.address.line",
        says="The address to ship to has a line.",
        source=sdk("checkout/_session_create_params", "SessionCreateParamsPaymentIntentDataShippingAddress.line1"),
        refused=post(SESSIONS, PAID, "-payment_intent_data[shipping][address][line1]", {ADDRESSES[3][3]: "DE"}),
        answer=refusal(param="payment_intent_data[shipping][address][line1]", code="parameter_missing"),
        accepted=post(SESSIONS, PAID, {ADDRESSES[3][3]: "DE"}),
    ),
)
