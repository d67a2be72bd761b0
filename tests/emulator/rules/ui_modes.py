"""Which parameters of a new session are allowed or needed in which UI mode."""

from __future__ import annotations

from .givens import ELEMENTS, EMBEDDED, PAYMENT, SESSIONS, TEXT_FIELD
from .rule import Rule, post, refusal, session_field, shows

FORMS = {"hosted_page": "", "embedded_page": EMBEDDED, "elements": ELEMENTS}
RETURN_GUIDE = "https://docs.stripe.com/payments/checkout/custom-success-page?payment-ui=embedded-form"

#: Parameter, form, UI modes that refuse it, a UI mode that accepts it, source.
UI_MODES = (
    ("success_url", "success_url=https://shop.example.com/", "embedded_page elements", "hosted_page", ".success_url"),
    ("cancel_url", "cancel_url=https://shop.example.com/cart/", "embedded_page elements", "hosted_page", ".cancel_url"),
    ("return_url", "return_url=https://shop.example.com/", "hosted_page", "embedded_page", ".return_url"),
    (
        "redirect_on_completion",
        "redirect_on_completion=always",
        "hosted_page elements",
        "embedded_page",
        ".redirect_on_completion",
    ),
    (
        "after_expiration",
        "after_expiration[recovery][enabled]=true",
        "elements",
        "embedded_page",
        ".after_expiration",
    ),
    ("branding_settings", "branding_settings[button_color]=#123456", "elements", "hosted_page", ".branding_settings"),
    ("origin_context", "origin_context=web", "elements", "hosted_page", ".origin_context"),
    ("submit_type", "submit_type=book", "elements", "embedded_page", ".submit_type"),
    ("custom_fields", TEXT_FIELD, "elements", "hosted_page", ".custom_fields"),
    ("custom_text", "custom_text[submit][message]=Thanks", "elements", "hosted_page", ".custom_text"),
    (
        "optional_items",
        "optional_items[0][price]=<price>&optional_items[0][quantity]=1",
        "elements",
        "hosted_page",
        ".optional_items",
    ),
    (
        "tax_id_collection[required]",
        "tax_id_collection[enabled]=true&tax_id_collection[required]=if_supported",
        "elements",
        "embedded_page",
        "TaxIdCollection.required",
    ),
    ("permissions", "permissions[update_shipping_details]=client_only", "hosted_page", "elements", ".permissions"),
    (
        "permissions[update_shipping_details]",
        "permissions[update_shipping_details]=server_only",
        "embedded_page",
        "elements",
        "Permissions.update_shipping_details",
    ),
)


def _by_ui_mode() -> list[Rule]:
    return [
        Rule(
            id=f"ui-mode.{refusing}.{name.replace('][', '.').replace('[', '.').rstrip(']')}",
            says=f"`{name}` is not allowed with `ui_mode: {refusing}`.",
            source=session_field(source),
            refused=post(SESSIONS, PAYMENT, FORMS[refusing], text),
            answer=refusal(),
            accepted=post(SESSIONS, PAYMENT, FORMS[accepting], text),
            result=shows(ui_mode=accepting),
        )
        for name, text, refusing_modes, accepting, source in UI_MODES
        for refusing in refusing_modes.split()
    ]


def _needed() -> list[Rule]:
    return [
        *(
            Rule(
                id=f"ui-mode.renamed.{old}",
                says=f"`ui_mode: {old}` is refused since 2026-03-25; it is `{new}` now.",
                source="https://docs.stripe.com/changelog/dahlia/2026-03-25/updates-available-checkout-session-ui-modes",
                refused=post(SESSIONS, PAYMENT, FORMS[new], f"ui_mode={old}"),
                answer=refusal(param="ui_mode"),
                accepted=post(SESSIONS, PAYMENT, FORMS[new], f"ui_mode={new}"),
            )
            for old, new in (("hosted", "hosted_page"), ("embedded", "embedded_page"), ("custom", "elements"))
        ),
        Rule(
            id="ui-mode.hosted_page.success_url.required",
            says="A hosted page needs `success_url`.",
            source="stripe/stripe-node#1944",
            refused=post(SESSIONS, PAYMENT, "-success_url"),
            answer=refusal("Missing required param: success_url.", param="success_url", code="parameter_missing"),
            accepted=post(SESSIONS, PAYMENT, "success_url=https://shop.example.com/thanks/"),
        ),
        Rule(
            id="ui-mode.embedded_page.return_url.required",
            says="An embedded page needs `return_url` unless it never redirects.",
            source=session_field(".return_url"),
            refused=post(SESSIONS, PAYMENT, EMBEDDED, "-return_url"),
            answer=refusal(param="return_url", code="parameter_missing"),
            accepted=post(SESSIONS, PAYMENT, EMBEDDED, "-return_url&redirect_on_completion=never"),
        ),
        Rule(
            id="ui-mode.embedded_page.return_url.never",
            says="`return_url` is not allowed with `redirect_on_completion: never`.",
            source=RETURN_GUIDE,
            refused=post(SESSIONS, PAYMENT, EMBEDDED, "redirect_on_completion=never"),
            answer=refusal(param="return_url"),
            accepted=post(SESSIONS, PAYMENT, EMBEDDED, "redirect_on_completion=if_required"),
        ),
        Rule(
            id="ui-mode.elements.text",
            says="The refusal of `ui_mode: elements` names all parameters that it does not support.",
            source="laravel/cashier-stripe#1815",
            refused=post(SESSIONS, PAYMENT, "ui_mode=elements&cancel_url=https://shop.example.com/cart/"),
            answer=refusal(
                "The following parameters are not supported with `ui_mode: elements`: cancel_url, success_url."
            ),
            accepted=post(SESSIONS, PAYMENT, ELEMENTS),
        ),
    ]


RULES = (*_by_ui_mode(), *_needed())
