"""Products and prices."""

from __future__ import annotations

from .rule import Rule, delete, get, post, refusal, sdk, shows

PRODUCTS, PRICES = "/v1/products", "/v1/prices"
PRICE = "product=<product>&currency=eur&unit_amount=1000"


def _price(name: str) -> str:
    return sdk("_price_create_params", f"PriceCreateParams{name}")


RULES = (
    *(
        Rule(
            id=f"price.immutable.{field}",
            says=f"A price's `{field}` cannot be changed; a price can be archived.",
            source="bakaphp/kanvas-ecosystem-api#2261",
            refused=post(f"{PRICES}/<price>", f"{sent}"),
            answer=refusal(param=field, code="parameter_unknown"),
            accepted=post(f"{PRICES}/<price>", "active=false"),
            result=shows(active=False),
        )
        for field, sent in (
            ("unit_amount", "unit_amount=2000"),
            ("currency", "currency=usd"),
            ("recurring", "recurring[interval]=year"),
            ("product", "product=<jug>"),
        )
    ),
    Rule(
        id="price.lookup-key.unique",
        says="A lookup key belongs to one price.",
        source="stripe/stripe-ruby#933",
        given=("keyed_price",),
        refused=post(PRICES, PRICE, "lookup_key=standard"),
        answer=refusal("already uses that lookup key"),
        accepted=post(PRICES, PRICE, "lookup_key=premium"),
    ),
    Rule(
        id="price.lookup-key.update",
        says="A price does not take the lookup key of another one.",
        source="stripe/stripe-ruby#933",
        given=("keyed_price",),
        refused=post(f"{PRICES}/<price>", "lookup_key=standard"),
        answer=refusal("already uses that lookup key"),
        accepted=post(f"{PRICES}/<keyed_price>", "lookup_key=standard"),
    ),
    Rule(
        id="price.lookup-key.transfer",
        says="A price takes the lookup key of another one with `transfer_lookup_key`.",
        source=_price(".transfer_lookup_key"),
        given=("keyed_price",),
        refused=post(PRICES, PRICE, "lookup_key=standard&transfer_lookup_key=false"),
        answer=refusal("already uses that lookup key"),
        accepted=post(PRICES, PRICE, "lookup_key=standard&transfer_lookup_key=true"),
        result=shows(lookup_key="standard"),
    ),
    Rule(
        id="price.interval.text",
        says="The refusal of an unknown value lists the known ones.",
        source="stripe/stripe-python#123",
        refused=post(PRICES, PRICE, "recurring[interval]=daily"),
        answer=refusal(", or year", param="recurring[interval]"),
        accepted=post(PRICES, PRICE, "recurring[interval]=day"),
    ),
    Rule(
        id="product.deletion",
        says="A product with prices cannot be deleted.",
        source="stripe/stripe-python#658",
        given=("price",),
        refused=delete(f"{PRODUCTS}/<product>"),
        answer=refusal("This product cannot be deleted because it has one or more user-created prices."),
        accepted=delete(f"{PRODUCTS}/<jug>"),
        result=shows(deleted=True),
    ),
    Rule(
        id="price.lookup-key.length",
        says="A lookup key has at most 200 characters.",
        source=_price(".lookup_key"),
        refused=post(PRICES, PRICE, f"lookup_key={'x' * 201}"),
        answer=refusal(param="lookup_key"),
        accepted=post(PRICES, PRICE, f"lookup_key={'x' * 200}"),
    ),
    Rule(
        id="price.amount.required",
        says="A price has an amount.",
        source=_price(".unit_amount"),
        refused=post(PRICES, "product=<product>&currency=eur"),
        answer=refusal(),
        accepted=post(PRICES, "product=<product>&currency=eur&unit_amount=0"),
        result=shows(unit_amount=0),
    ),
    Rule(
        id="price.amount.one-of",
        says="A price has `unit_amount` or `unit_amount_decimal`, not both.",
        source=_price(".unit_amount_decimal"),
        refused=post(PRICES, PRICE, "unit_amount_decimal=1000.5"),
        answer=refusal(),
        accepted=post(PRICES, PRICE, "-unit_amount&unit_amount_decimal=1000.5"),
        result=shows(unit_amount=None, unit_amount_decimal="1000.5"),
    ),
    *(
        Rule(
            id=f"price.recurring.maximum.{interval}",
            says=f"A price recurs at least every {count} {interval}s.",
            source=_price("Recurring.interval_count"),
            refused=post(PRICES, PRICE, f"recurring[interval]={interval}&recurring[interval_count]={count + 1}"),
            answer=refusal(),
            accepted=post(PRICES, PRICE, f"recurring[interval]={interval}&recurring[interval_count]={count}"),
            result=shows(recurring__interval_count=count),
        )
        for interval, count in (("year", 3), ("month", 36), ("week", 156))
    ),
    Rule(
        id="price.product.unknown",
        says="A price belongs to an existing product.",
        source="https://docs.stripe.com/error-codes#resource-missing",
        refused=post(PRICES, "product=prod_none&currency=eur&unit_amount=1000"),
        answer=refusal("No such product: 'prod_none'", param="product", code="resource_missing"),
        accepted=post(PRICES, PRICE),
    ),
    Rule(
        id="price.deletion",
        says="A price cannot be deleted.",
        source="stripe/stripe-python#658",
        refused=post(f"{PRICES}/<price>/delete"),
        answer=refusal(status=404),
        accepted=post(f"{PRICES}/<price>", "active=false"),
    ),
    Rule(
        id="price.listed",
        says="Prices are found by their lookup keys.",
        source=_price(".lookup_key"),
        given=("keyed_price",),
        refused=get(PRICES, "lookup_keys[0]=none"),
        answer=shows(data=[]),
        accepted=get(PRICES, "lookup_keys[0]=standard"),
        result=shows(data__0__id="<keyed_price>"),
    ),
    Rule(
        id="product.id.unique",
        says="A product's id is unique.",
        source=sdk("_product_create_params", "ProductCreateParams.id"),
        refused=post(PRODUCTS, "name=Tea&id=<product>"),
        answer=refusal(code="resource_already_exists"),
        accepted=post(PRODUCTS, "name=Tea&id=tea"),
        result=shows(id="tea"),
    ),
    Rule(
        id="product.name.required",
        says="A product has a name.",
        source=f"OpenAPI POST {PRODUCTS} name",
        refused=post(PRODUCTS, "description=Tea"),
        answer=refusal("Missing required param: name.", param="name", code="parameter_missing"),
        accepted=post(PRODUCTS, "name=Tea"),
    ),
    Rule(
        id="product.images.count",
        says="A product has at most 8 images.",
        source=sdk("_product_create_params", "ProductCreateParams.images"),
        refused=post(PRODUCTS, "name=Tea", {f"images[{n}]": f"https://shop.example.com/{n}.png" for n in range(9)}),
        answer=refusal(),
        accepted=post(PRODUCTS, "name=Tea", {f"images[{n}]": f"https://shop.example.com/{n}.png" for n in range(8)}),
    ),
    Rule(
        id="product.images.update",
        says="That holds when a product is changed, too.",
        source=sdk("_product_update_params", "ProductUpdateParams.images"),
        refused=post(f"{PRODUCTS}/<product>", {f"images[{n}]": f"https://shop.example.com/{n}.png" for n in range(9)}),
        answer=refusal(),
        accepted=post(f"{PRODUCTS}/<product>", {f"images[{n}]": f"https://shop.example.com/{n}.png" for n in range(8)}),
    ),
    Rule(
        id="product.descriptor.length",
        says="A product's statement descriptor has at most 22 characters.",
        source=sdk("_product_create_params", "ProductCreateParams.statement_descriptor"),
        refused=post(PRODUCTS, f"name=Tea&statement_descriptor={'T' * 23}"),
        answer=refusal(param="statement_descriptor"),
        accepted=post(PRODUCTS, f"name=Tea&statement_descriptor={'T' * 22}"),
    ),
    Rule(
        id="product.descriptor.letter",
        says="A product's statement descriptor contains a letter.",
        source=sdk("_product_create_params", "ProductCreateParams.statement_descriptor"),
        refused=post(PRODUCTS, "name=Tea&statement_descriptor=123456"),
        answer=refusal(),
        accepted=post(PRODUCTS, "name=Tea&statement_descriptor=TEA 456"),
    ),
    *(
        Rule(
            id=f"product.descriptor.{name}",
            says=f"A product's statement descriptor contains no `{character}`.",
            source=sdk("_product_create_params", "ProductCreateParams.statement_descriptor"),
            refused=post(PRODUCTS, {"name": "Tea", "statement_descriptor": f"TEA{character}SHOP"}),
            answer=refusal(),
            accepted=post(PRODUCTS, "name=Tea&statement_descriptor=TEA-SHOP"),
        )
        for name, character in (("less", "<"), ("backslash", "\\"), ("quote", "'"), ("double-quote", '"'))
    ),
)
