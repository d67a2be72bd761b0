"""Values of a new session's parameters: custom fields, texts, languages, countries, times, and lengths."""

from __future__ import annotations

from .givens import DROPDOWN, ONE_OPTION, OPTION, PAYMENT, SESSIONS, SUBSCRIPTION, TEXT_FIELD
from .rule import Rule, form, post, refusal, session_field, shows

ALPHANUMERIC = session_field("CustomField.key")


def _options(count: int) -> dict[str, str]:
    pairs = [(f"{OPTION}[{n}][label]", f"{OPTION}[{n}][value]", f"v{n}") for n in range(count)]
    return {name: text for label, value, text in pairs for name in (label, value)}


def _fields(*keys: str) -> dict[str, str]:
    parts = {}
    for at, key in enumerate(keys):
        parts |= {name.replace("[0]", f"[{at}]", 1): value for name, value in form(TEXT_FIELD).items()}
        parts[f"custom_fields[{at}][key]"] = key
    return parts


def _openapi(field: str, path: str = SESSIONS) -> str:
    return f"OpenAPI POST {path} {field}"


_FIELDS = (
    Rule(
        id="field.count",
        says="A session has at most 3 custom fields.",
        source="TryGhost/Ghost#30304",
        refused=post(SESSIONS, PAYMENT, _fields("a", "b", "c", "d")),
        answer=refusal("Array custom_fields exceeded maximum 3 allowed elements.", param="custom_fields"),
        accepted=post(SESSIONS, PAYMENT, _fields("a", "b", "c")),
    ),
    Rule(
        id="field.key.alphanumeric",
        says="A custom field's key is alphanumeric.",
        source=ALPHANUMERIC,
        refused=post(SESSIONS, PAYMENT, _fields("gift note")),
        answer=refusal(param="custom_fields[0][key]"),
        accepted=post(SESSIONS, PAYMENT, _fields("giftnote2")),
    ),
    Rule(
        id="field.key.underscore",
        says="A custom field's key may have underscores, but no spaces.",
        source="TryGhost/Ghost#30304",
        refused=post(SESSIONS, PAYMENT, _fields("gift note")),
        answer=refusal(param="custom_fields[0][key]"),
        accepted=post(SESSIONS, PAYMENT, _fields("gift_note", "gift_text")),
    ),
    Rule(
        id="field.key.unique",
        says="The keys of custom fields are unique.",
        source=ALPHANUMERIC,
        refused=post(SESSIONS, PAYMENT, _fields("gift", "gift")),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, _fields("gift", "note")),
    ),
    Rule(
        id="field.options.count",
        says="A dropdown has at most 200 options.",
        source=session_field("CustomFieldDropdown.options"),
        refused=post(SESSIONS, PAYMENT, DROPDOWN, _options(201)),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, DROPDOWN, _options(200)),
    ),
    Rule(
        id="field.option.alphanumeric",
        says="An option's value is alphanumeric.",
        source=session_field("CustomFieldDropdownOption.value"),
        refused=post(SESSIONS, PAYMENT, DROPDOWN, ONE_OPTION, f"{OPTION}[0][value]=dark-red"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, DROPDOWN, ONE_OPTION, f"{OPTION}[0][value]=darkred"),
    ),
    Rule(
        id="field.option.unique",
        says="The values of a dropdown's options are unique.",
        source=session_field("CustomFieldDropdownOption.value"),
        refused=post(SESSIONS, PAYMENT, DROPDOWN, ONE_OPTION, f"{OPTION}[1][label]=Dark&{OPTION}[1][value]=red"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, DROPDOWN, ONE_OPTION, f"{OPTION}[1][label]=Dark&{OPTION}[1][value]=dark"),
    ),
    Rule(
        id="field.dropdown.default",
        says="A dropdown's default is the value of one of its options.",
        source=session_field("CustomFieldDropdown.default_value"),
        refused=post(SESSIONS, PAYMENT, DROPDOWN, ONE_OPTION, "custom_fields[0][dropdown][default_value]=blue"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, DROPDOWN, ONE_OPTION, "custom_fields[0][dropdown][default_value]=red"),
    ),
)

_VALUES = (
    Rule(
        id="locale.known",
        says="`locale` is one of Checkout's languages; Ukrainian is not.",
        source=_openapi("locale"),
        refused=post(SESSIONS, PAYMENT, "locale=uk"),
        answer=refusal(param="locale"),
        accepted=post(SESSIONS, PAYMENT, "locale=es-419"),
        result=shows(locale="es-419"),
    ),
    Rule(
        id="country.supported",
        says="Checkout ships to most countries; not to Cuba.",
        source=_openapi("shipping_address_collection[allowed_countries]"),
        refused=post(SESSIONS, PAYMENT, "shipping_address_collection[allowed_countries][0]=CU"),
        answer=refusal(param="shipping_address_collection[allowed_countries][0]"),
        accepted=post(SESSIONS, PAYMENT, "shipping_address_collection[allowed_countries][0]=GL"),
    ),
    Rule(
        id="country.code",
        says="A country is a two-letter code in capitals.",
        source=session_field("ShippingAddressCollection.allowed_countries"),
        refused=post(SESSIONS, PAYMENT, "shipping_address_collection[allowed_countries][0]=de"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "shipping_address_collection[allowed_countries][0]=DE"),
    ),
    Rule(
        id="expires.minimum",
        says="A session expires 30 minutes after its creation at the earliest.",
        source=session_field(".expires_at"),
        refused=post(SESSIONS, PAYMENT, "expires_at=<now+1799>"),
        answer=refusal(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", param="expires_at"
        ),
        accepted=post(SESSIONS, PAYMENT, "expires_at=<now+1800>"),
    ),
    Rule(
        id="expires.maximum",
        says="A session expires 24 hours after its creation at the latest.",
        source="alexmorrisnz/moodle-paygw_stripe#72",
        refused=post(SESSIONS, PAYMENT, "expires_at=<now+86401>"),
        answer=refusal("must be less than 24 hours from Checkout Session creation.", param="expires_at"),
        accepted=post(SESSIONS, PAYMENT, "expires_at=<now+86399>"),
    ),
    Rule(
        id="trial.end.minimum",
        says="A trial ends 48 hours after the request at the earliest.",
        source="guregu/intertube#10",
        refused=post(SESSIONS, SUBSCRIPTION, "subscription_data[trial_end]=<now+172799>"),
        answer=refusal(
            "The `trial_end` date has to be at least 2 days in the future.", param="subscription_data[trial_end]"
        ),
        accepted=post(SESSIONS, SUBSCRIPTION, "subscription_data[trial_end]=<now+172801>"),
    ),
    Rule(
        id="trial.days.minimum",
        says="A trial has at least 1 day.",
        source=session_field("SubscriptionData.trial_period_days"),
        refused=post(SESSIONS, SUBSCRIPTION, "subscription_data[trial_period_days]=0"),
        answer=refusal(param="subscription_data[trial_period_days]"),
        accepted=post(SESSIONS, SUBSCRIPTION, "subscription_data[trial_period_days]=1"),
        result=shows(amount_total=0),
    ),
    Rule(
        id="trial.days.maximum",
        says="A trial has at most 730 days.",
        source="stripe/stripe-ruby#804",
        refused=post(SESSIONS, SUBSCRIPTION, "subscription_data[trial_period_days]=731"),
        answer=refusal("The maximum number of trial period days is 730 (2 years)."),
        accepted=post(SESSIONS, SUBSCRIPTION, "subscription_data[trial_period_days]=730"),
    ),
    Rule(
        id="descriptor.suffix.letter",
        says="The suffix of a card's statement descriptor contains a letter.",
        source="https://docs.stripe.com/get-started/account/statement-descriptors",
        refused=post(SESSIONS, PAYMENT, "payment_intent_data[statement_descriptor_suffix]=1234"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "payment_intent_data[statement_descriptor_suffix]=O 1234"),
    ),
    *(
        Rule(
            id=f"descriptor.suffix.{name}",
            says=f"The suffix of a card's statement descriptor contains no `{character}`.",
            source="https://docs.stripe.com/get-started/account/statement-descriptors",
            refused=post(SESSIONS, PAYMENT, {"payment_intent_data[statement_descriptor_suffix]": f"ORDER{character}1"}),
            answer=refusal(),
            accepted=post(SESSIONS, PAYMENT, "payment_intent_data[statement_descriptor_suffix]=ORDER-1"),
        )
        for name, character in (
            ("less", "<"),
            ("greater", ">"),
            ("backslash", "\\"),
            ("quote", "'"),
            ("double-quote", '"'),
            ("asterisk", "*"),
        )
    ),
    Rule(
        id="descriptor.suffix.length",
        says="The suffix of a card's statement descriptor has at most 22 characters.",
        source=_openapi("payment_intent_data[statement_descriptor_suffix]"),
        refused=post(SESSIONS, PAYMENT, f"payment_intent_data[statement_descriptor_suffix]={'O' * 23}"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "payment_intent_data[statement_descriptor_suffix]=ORDER 2026-1"),
    ),
    Rule(
        id="descriptor.card",
        says="A card payment must not have a `statement_descriptor`.",
        source="fluentform/fluentform#384",
        given=("described_session",),
        refused=post("/control/", "action=pay&id=<described_session>"),
        answer=refusal(
            "The statement_descriptor parameter is not supported for the payment_method_type `card`.", kind=""
        ),
        accepted=post("/control/", "action=pay&id=<described_session>&iban=AT611904300234573201"),
        result=shows(result__status="processing"),
    ),
    Rule(
        id="branding.image",
        says="An image of type `url` has a URL, and none of type `file` has.",
        source=session_field("BrandingSettingsLogo.url"),
        refused=post(SESSIONS, PAYMENT, "branding_settings[logo][type]=url"),
        answer=refusal(),
        accepted=post(
            SESSIONS,
            PAYMENT,
            "branding_settings[logo][type]=url&branding_settings[logo][url]=https://shop.example.com/logo.png",
        ),
    ),
    Rule(
        id="branding.color",
        says="A branding color is a hex value that starts with `#`.",
        source=session_field("BrandingSettings.button_color"),
        refused=post(SESSIONS, PAYMENT, "branding_settings[button_color]=blue"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "branding_settings[button_color]=#0074d4"),
    ),
    Rule(
        id="parameter.empty",
        says="A parameter that cannot be unset is not empty.",
        source="nextjs/saas-starter#65",
        refused=post(SESSIONS, PAYMENT, "client_reference_id="),
        answer=refusal(
            "You passed an empty string for 'client_reference_id'. We assume empty values are an attempt to unset a "
            "parameter; however 'client_reference_id' cannot be unset. You should remove 'client_reference_id' from "
            "your request or supply a non-empty value.",
            param="client_reference_id",
            code="parameter_invalid_empty",
        ),
        accepted=post(SESSIONS, PAYMENT, "client_reference_id=0"),
    ),
)

RULES = (*_FIELDS, *_VALUES)
