"""Payment links."""

from __future__ import annotations

from .rule import MISSING, Form, Rule, post, refusal, sdk, shows

LINKS = "/v1/payment_links"
TEA = "line_items[0][price]=<price>&line_items[0][quantity]=1"
CLUB = "line_items[0][price]=<monthly_price>&line_items[0][quantity]=1"
_PARAMS = "_payment_link_create_params"


def _lines(count: int) -> Form:
    prices = {f"line_items[{index}][price]": "<price>" for index in range(count)}
    return {**prices, **{f"line_items[{index}][quantity]": "1" for index in range(count)}}


def _field(name: str) -> str:
    return sdk(_PARAMS, f"PaymentLinkCreateParams{name}")


RULES = (
    Rule(
        id="link.line_items.required",
        says="A payment link needs line items.",
        source="OpenAPI POST /v1/payment_links line_items",
        refused=post(LINKS, "submit_type=pay"),
        answer=refusal(param="line_items", code="parameter_missing"),
        accepted=post(LINKS, TEA, "submit_type=pay"),
        result=shows(submit_type="pay", active=True),
    ),
    Rule(
        id="link.line_items.count",
        says="A payment link has up to 20 line items.",
        source=_field(".line_items"),
        refused=post(LINKS, _lines(21)),
        answer=refusal(param="line_items"),
        accepted=post(LINKS, _lines(20)),
    ),
    Rule(
        id="link.optional_items.count",
        says="Line items and optional items of a payment link are up to 20 together.",
        source=_field(".optional_items"),
        refused=post(LINKS, _lines(20), "optional_items[0][price]=<price>&optional_items[0][quantity]=1"),
        answer=refusal(param="line_items"),
        accepted=post(LINKS, _lines(19), "optional_items[0][price]=<price>&optional_items[0][quantity]=1"),
    ),
    Rule(
        id="link.price",
        says="A payment link sells an existing price.",
        source=MISSING,
        refused=post(LINKS, TEA, "line_items[0][price]=price_unknown"),
        answer=refusal("No such price: 'price_unknown'", param="line_items[0][price]", code="resource_missing"),
        accepted=post(LINKS, TEA),
    ),
    Rule(
        id="link.price.inactive",
        says="A payment link does not sell an archived price.",
        source="invertase/stripe-firebase-extensions#560",
        refused=post(LINKS, TEA, "line_items[0][price]=<inactive_price>"),
        answer=refusal("The price specified is inactive.", param="line_items[0][price]"),
        accepted=post(LINKS, TEA),
    ),
    Rule(
        id="link.subscription_data",
        says="`subscription_data` needs a line item with a recurring price.",
        source=_field(".subscription_data"),
        refused=post(LINKS, TEA, "subscription_data[trial_period_days]=7"),
        answer=refusal(param="subscription_data"),
        accepted=post(LINKS, CLUB, "subscription_data[trial_period_days]=7"),
        result=shows(subscription_data__trial_period_days=7),
    ),
    Rule(
        id="link.payment_intent_data",
        says="`payment_intent_data` is for links in `payment` mode.",
        source=_field(".payment_intent_data"),
        refused=post(LINKS, CLUB, "payment_intent_data[description]=Tea"),
        answer=refusal(param="payment_intent_data"),
        accepted=post(LINKS, TEA, "payment_intent_data[description]=Tea"),
        result=shows(payment_intent_data__description="Tea"),
    ),
    Rule(
        id="link.payment_method_collection",
        says="`payment_method_collection` is for links in `subscription` mode.",
        source=_field(".payment_method_collection"),
        refused=post(LINKS, TEA, "payment_method_collection=if_required"),
        answer=refusal(param="payment_method_collection"),
        accepted=post(LINKS, CLUB, "payment_method_collection=if_required"),
        result=shows(payment_method_collection="if_required"),
    ),
    Rule(
        id="link.custom_fields",
        says="A payment link has up to 3 custom fields.",
        source=_field(".custom_fields"),
        refused=post(
            LINKS,
            TEA,
            *(
                f"custom_fields[{n}][key]=k{n}&custom_fields[{n}][type]=text&custom_fields[{n}][label][type]=custom"
                f"&custom_fields[{n}][label][custom]=Name"
                for n in range(4)
            ),
        ),
        answer=refusal(param="custom_fields"),
        accepted=post(
            LINKS,
            TEA,
            "custom_fields[0][key]=k&custom_fields[0][type]=text&custom_fields[0][label][type]=custom"
            "&custom_fields[0][label][custom]=Name",
        ),
        result=shows(custom_fields__0__text__minimum_length=None),
    ),
    Rule(
        id="link.after_completion.redirect",
        says="A link that redirects needs the URL.",
        source=sdk(_PARAMS, "PaymentLinkCreateParamsAfterCompletion.redirect"),
        refused=post(LINKS, TEA, "after_completion[type]=redirect"),
        answer=refusal(param="after_completion[redirect]", code="parameter_missing"),
        accepted=post(
            LINKS, TEA, "after_completion[type]=redirect&after_completion[redirect][url]=https://shop.example.com/"
        ),
        result=shows(after_completion__redirect__url="https://shop.example.com/"),
    ),
    Rule(
        id="link.update.line_items",
        says="An update changes the quantity of the link's own line items.",
        source=sdk("_payment_link_update_params", "PaymentLinkUpdateParamsLineItem.id"),
        refused=post(f"{LINKS}/<link>", "line_items[0][id]=li_unknown&line_items[0][quantity]=2"),
        answer=refusal("No such line item: 'li_unknown'", param="line_items[0][id]", code="resource_missing"),
        accepted=post(f"{LINKS}/<link>", "line_items[0][id]=<line_of_link>&line_items[0][quantity]=2"),
    ),
)
