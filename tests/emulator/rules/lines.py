"""Line items and optional items of a new session."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS, SUBSCRIPTION
from .rule import Rule, post, refusal, session_field, shows

LINE = "line_items[0]"
PRICE = f"{LINE}[price_data]"
AMOUNT = f"{PRICE}[unit_amount]"
OPTIONAL = "optional_items[0][price]=<price>&optional_items[0][quantity]=1"
ADJUSTABLE = f"{LINE}[adjustable_quantity]"
WITHOUT_PRICE = f"-{PRICE}"
LINES = session_field(".line_items")


def _lines(count: int, price: str, start: int = 0, name: str = "line_items") -> dict[str, str]:
    fields = {"price": price, "quantity": "1"}
    return {f"{name}[{n}][{key}]": value for n in range(start, start + count) for key, value in fields.items()}


def _images(count: int) -> dict[str, str]:
    return {f"{PRICE}[product_data][images][{n}]": f"https://shop.example.com/{n}.png" for n in range(count)}


def _subscribed(recurring: int, one_time: int) -> dict[str, str]:
    return _lines(recurring, "<monthly_price>") | _lines(one_time, "<price>", recurring)


_COUNTS = (
    Rule(
        id="line.count.payment",
        says="A session in `payment` mode has at most 100 line items.",
        source=LINES,
        refused=post(SESSIONS, PAYMENT, "-line_items", _lines(101, "<price>")),
        answer=refusal(param="line_items"),
        accepted=post(SESSIONS, PAYMENT, "-line_items", _lines(100, "<price>")),
    ),
    Rule(
        id="line.count.recurring",
        says="A session in `subscription` mode has at most 20 recurring line items.",
        source=LINES,
        refused=post(SESSIONS, SUBSCRIPTION, "-line_items", _subscribed(21, 0)),
        answer=refusal(param="line_items"),
        accepted=post(SESSIONS, SUBSCRIPTION, "-line_items", _subscribed(20, 0)),
    ),
    Rule(
        id="line.count.one-time",
        says="A session in `subscription` mode has at most 20 one-time line items.",
        source=LINES,
        refused=post(SESSIONS, SUBSCRIPTION, "-line_items", _subscribed(1, 21)),
        answer=refusal(param="line_items"),
        accepted=post(SESSIONS, SUBSCRIPTION, "-line_items", _subscribed(20, 20)),
    ),
    Rule(
        id="line.optional.count",
        says="A session has at most 10 optional items.",
        source=session_field(".optional_items"),
        refused=post(SESSIONS, PAYMENT, _lines(11, "<price>", name="optional_items")),
        answer=refusal(param="optional_items"),
        accepted=post(SESSIONS, PAYMENT, _lines(10, "<price>", name="optional_items")),
    ),
    Rule(
        id="line.optional.combined",
        says="Line items and optional items together are at most 100.",
        source=session_field(".optional_items"),
        refused=post(
            SESSIONS,
            PAYMENT,
            "-line_items",
            _lines(100, "<price>"),
            OPTIONAL,
        ),
        answer=refusal(),
        accepted=post(
            SESSIONS,
            PAYMENT,
            "-line_items",
            _lines(99, "<price>"),
            OPTIONAL,
        ),
    ),
    Rule(
        id="line.optional.price",
        says="An optional item has an existing price.",
        source="MarcinusX/flutter_stripe_demo#4",
        refused=post(SESSIONS, PAYMENT, "optional_items[0][price]=price_none&optional_items[0][quantity]=1"),
        answer=refusal("No such price: 'price_none'", param="optional_items[0][price]", code="resource_missing"),
        accepted=post(SESSIONS, PAYMENT, OPTIONAL),
    ),
)

_LINES = (
    Rule(
        id="line.price.or-data",
        says="A line item has `price` or `price_data`, not both.",
        source=session_field("LineItem.price_data"),
        refused=post(SESSIONS, PAYMENT, f"{LINE}[price]=<price>"),
        answer=refusal("You may only specify one of these parameters: price, price_data."),
        accepted=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=<price>"),
    ),
    Rule(
        id="line.price.required",
        says="A line item has `price` or `price_data`.",
        source="exercism/website#7149",
        refused=post(SESSIONS, PAYMENT, WITHOUT_PRICE),
        answer=refusal("You must provide either price or price_data for each line item when using prices."),
        accepted=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=<price>"),
    ),
    Rule(
        id="line.price.unknown",
        says="An unknown price in the body is 400, not 404.",
        source="MarcinusX/flutter_stripe_demo#4",
        refused=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=price_none"),
        answer=refusal("No such price: 'price_none'", param="line_items[0][price]", code="resource_missing"),
        accepted=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=<price>"),
    ),
    Rule(
        id="line.price.empty",
        says="A line item's price is not empty.",
        source="nextjs/saas-starter#65",
        refused=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]="),
        answer=refusal(
            "You passed an empty string for 'line_items[0][price]'.",
            param="line_items[0][price]",
            code="parameter_invalid_empty",
        ),
        accepted=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=<price>"),
    ),
    Rule(
        id="line.price.inactive",
        says="An archived price cannot be bought.",
        source="invertase/stripe-firebase-extensions#560",
        refused=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=<inactive_price>"),
        answer=refusal("The price specified is inactive. This field only accepts active prices."),
        accepted=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=<price>"),
    ),
    Rule(
        id="line.product.inactive",
        says="A price of an archived product cannot be bought, even if it is active itself.",
        source="stripe/stripe-node#2131",
        refused=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=<price_of_inactive_product>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, WITHOUT_PRICE, f"{LINE}[price]=<price>"),
    ),
    Rule(
        id="line.product.or-data",
        says="An inline price has `product` or `product_data`, not both.",
        source=session_field("LineItemPriceData.product_data"),
        refused=post(SESSIONS, PAYMENT, f"{PRICE}[product]=<product>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, f"-{PRICE}[product_data]", f"{PRICE}[product]=<product>"),
    ),
    Rule(
        id="line.product.required",
        says="An inline price has a product.",
        source=session_field("LineItemPriceData.product"),
        refused=post(SESSIONS, PAYMENT, f"-{PRICE}[product_data]"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT),
    ),
    Rule(
        id="line.amount.or-decimal",
        says="An inline price has `unit_amount` or `unit_amount_decimal`, not both.",
        source=session_field("LineItemPriceData.unit_amount_decimal"),
        refused=post(SESSIONS, PAYMENT, f"{PRICE}[unit_amount_decimal]=1000"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, f"-{AMOUNT}", f"{PRICE}[unit_amount_decimal]=1000"),
        result=shows(amount_total=1000),
    ),
    Rule(
        id="line.amount.required",
        says="An inline price has an amount.",
        source=session_field("LineItemPriceData.unit_amount"),
        refused=post(SESSIONS, PAYMENT, f"-{AMOUNT}"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, f"{AMOUNT}=0"),
        result=shows(amount_total=0),
    ),
    Rule(
        id="line.amount.negative",
        says="An inline price is not negative.",
        source="exercism/website#1345",
        refused=post(SESSIONS, PAYMENT, f"{AMOUNT}=-1"),
        answer=refusal("Invalid non-negative integer", param=AMOUNT),
        accepted=post(SESSIONS, PAYMENT, f"{AMOUNT}=0"),
    ),
    Rule(
        id="line.amount.integer",
        says="An amount is an integer in minor units.",
        source="Debetux/opencart-stripe#10",
        refused=post(SESSIONS, PAYMENT, f"{AMOUNT}=1999.8"),
        answer=refusal("Invalid integer: 1999.8", param=AMOUNT, code="parameter_invalid_integer"),
        accepted=post(SESSIONS, PAYMENT, f"{AMOUNT}=1999"),
    ),
    Rule(
        id="line.amount.decimals",
        says="`unit_amount_decimal` has at most 12 decimal places.",
        source=session_field("LineItemPriceData.unit_amount_decimal"),
        refused=post(SESSIONS, PAYMENT, f"-{AMOUNT}", f"{PRICE}[unit_amount_decimal]=100.0000000000001"),
        answer=refusal(param=f"{PRICE}[unit_amount_decimal]"),
        accepted=post(SESSIONS, PAYMENT, f"-{AMOUNT}", f"{PRICE}[unit_amount_decimal]=100.000000000001"),
    ),
    Rule(
        id="line.quantity.required",
        says="A line item has a quantity.",
        source=session_field("LineItem.quantity"),
        refused=post(SESSIONS, PAYMENT, f"-{LINE}[quantity]"),
        answer=refusal(param=f"{LINE}[quantity]"),
        accepted=post(SESSIONS, PAYMENT, f"{LINE}[quantity]=1"),
    ),
    Rule(
        id="line.adjustable.maximum",
        says="An adjustable quantity is at most 999999.",
        source=session_field("LineItemAdjustableQuantity.maximum"),
        refused=post(SESSIONS, PAYMENT, f"{ADJUSTABLE}[enabled]=true&{ADJUSTABLE}[maximum]=1000000"),
        answer=refusal(param=f"{ADJUSTABLE}[maximum]"),
        accepted=post(SESSIONS, PAYMENT, f"{ADJUSTABLE}[enabled]=true&{ADJUSTABLE}[maximum]=999999"),
    ),
    Rule(
        id="line.images.count",
        says="A product has at most 8 images.",
        source=session_field("LineItemPriceDataProductData.images"),
        refused=post(
            SESSIONS,
            PAYMENT,
            _images(9),
        ),
        answer=refusal(),
        accepted=post(
            SESSIONS,
            PAYMENT,
            _images(8),
        ),
    ),
    Rule(
        id="line.images.url",
        says="An image is a URL at a public host.",
        source="stripe/stripe-dotnet#2964",
        refused=post(SESSIONS, PAYMENT, f"{PRICE}[product_data][images][0]=http://localhost/tea.png"),
        answer=refusal("Not a valid URL", code="url_invalid"),
        accepted=post(SESSIONS, PAYMENT, f"{PRICE}[product_data][images][0]=https://shop.example.com/tea.png"),
    ),
    Rule(
        id="line.currencies",
        says="All line items have one currency.",
        source="https://docs.stripe.com/payments/checkout/how-checkout-works",
        refused=post(SESSIONS, PAYMENT, "line_items[1][price]=<price_in_usd>&line_items[1][quantity]=1"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "line_items[1][price]=<price>&line_items[1][quantity]=1"),
        result=shows(amount_total=2000),
    ),
)

RULES = (*_COUNTS, *_LINES)
