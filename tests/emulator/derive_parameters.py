"""Derives ``parameters.txt`` from Stripe's OpenAPI document: ``python derive_parameters.py spec3.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django_checkout.emulator.api.routes import ROUTES

#: The supported parameters of a route. The others are refused as unknown.
SUBSETS = {
    "GET /v1/payouts": "created destination ending_before expand limit starting_after status",
    "POST /v1/payment_intents": (
        "amount confirm currency customer description expand metadata off_session payment_method receipt_email"
    ),
    "POST /v1/payment_intents/{intent}": "description expand metadata receipt_email",
    "POST /v1/prices": (
        "active billing_scheme currency expand lookup_key metadata nickname product product_data recurring "
        "tax_behavior unit_amount unit_amount_decimal"
    ),
    "POST /v1/prices/{price}": "active expand lookup_key metadata nickname",
    "POST /v1/products": (
        "active description expand id images metadata name shippable statement_descriptor tax_code unit_label url"
    ),
    "POST /v1/products/{id}": (
        "active default_price description expand images metadata name shippable tax_code unit_label url"
    ),
    "POST /v1/customers": (
        "address business_name description email expand individual_name metadata name phone preferred_locales "
        "shipping tax_exempt"
    ),
    "POST /v1/payment_intents/{intent}/capture": (
        "amount_to_capture expand metadata statement_descriptor statement_descriptor_suffix"
    ),
    "POST /v1/promotion_codes/{promotion_code}": "active expand metadata",
    "POST /v1/coupons/{coupon}": "expand metadata name",
    "POST /v1/shipping_rates/{shipping_rate_token}": "active expand metadata tax_behavior",
    "POST /v1/payment_methods/{payment_method}": "allow_redisplay expand metadata",
    "GET /v1/payment_methods": "allow_redisplay customer ending_before expand limit starting_after type",
    "GET /v1/subscriptions": "collection_method created customer ending_before expand limit starting_after status",
    "POST /v1/subscriptions/{subscription_exposed_id}": (
        "cancel_at_period_end cancellation_details default_payment_method description expand metadata "
        "proration_behavior"
    ),
    "POST /v1/billing_portal/sessions": "configuration customer expand locale return_url",
    "POST /v1/refunds": "amount charge expand metadata payment_intent reason",
}
SUBSETS["POST /v1/customers/{customer}"] = SUBSETS["POST /v1/customers"]
#: Enumerations that are too long to check.
OPEN = {"enabled_events", "api_version", "iin"}


def main(path: str) -> None:
    """Print the table."""
    document = json.loads(Path(path).read_text())
    print("# Request parameters of the routes that the emulator plays, by name and type.")
    print(f"# Derived from Stripe's OpenAPI document {document['info']['version']}, (c) Stripe, Inc., MIT licence.")
    print('# "!" is required, "?" may be emptied with "", {} is an object, [] a list, range is {gt,gte,lt,lte} or int.')
    for name in ROUTES:
        method, path = name.split()
        operation = document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            continue
        print(name)
        keep = SUBSETS.get(name, "").split()
        for parameter, schema, required in members(operation):
            if not keep or parameter in keep:
                describe(parameter, schema, required, 1)


def members(operation: dict[str, Any]) -> list[tuple[str, dict[str, Any], bool]]:
    """Return the parameters of a route, in query or body."""
    query = [
        (item["name"], item["schema"], item.get("required", False))
        for item in operation.get("parameters", [])
        if item["in"] == "query"
    ]
    content = operation.get("requestBody", {}).get("content", {})
    body = next(iter(content.values()))["schema"] if content else {}
    required = body.get("required", [])
    return query + [(name, schema, name in required) for name, schema in body.get("properties", {}).items()]


def describe(name: str, schema: dict[str, Any], required: bool, depth: int) -> None:
    """Print one parameter and its nested parameters."""
    choices = schema.get("anyOf", [schema])
    emptied = any(choice.get("enum") == [""] for choice in choices) or "" in schema.get("enum", [])
    choices = [choice for choice in choices if choice.get("enum") != [""]]
    chosen = choices[0]
    nested: dict[str, Any] = {}
    kind = word(name, chosen)
    if len(choices) > 1:
        kinds = {choice.get("type") for choice in choices}
        kind = "range" if kinds == {"object", "integer"} else "str"
        chosen = {"type": "map"} if kind == "str" else chosen
    if chosen.get("type") == "array":
        items = chosen["items"]
        nested = items if items.get("properties") else {}
        kind = "[]" if nested else f"[] {word(name, items)}"
    elif chosen.get("type") == "object" and kind == "{}":
        nested = chosen
    marks = ("!" if required else "") + ("?" if emptied else "")
    print("  " * depth + f"{name}{marks} {kind}")
    for child, child_schema in nested.get("properties", {}).items():
        describe(child, child_schema, child in nested.get("required", []), depth + 1)


def word(name: str, schema: dict[str, Any]) -> str:
    """Return the type of a scalar, a map or an object."""
    values = [str(value) for value in schema.get("enum", []) if value != ""]
    if values and name not in OPEN:
        return "enum " + " ".join(values)
    match schema.get("type"):
        case "boolean":
            return "bool"
        case "integer":
            return "int"
        case "number":
            return "num"
        case "object":
            if schema.get("properties"):
                return "{}"
            values_type = schema.get("additionalProperties", {})
            return "map" if values_type == {"type": "string"} else "tree"
        case _:
            limit = schema.get("maxLength", 5000)
            return "str" if limit == 5000 else f"str<={limit}"


if __name__ == "__main__":
    main(sys.argv[1])
