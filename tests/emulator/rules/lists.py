"""Metadata, lists and expansion."""

from __future__ import annotations

from .givens import SESSIONS
from .rule import Rule, get, post, refusal, sdk, shows

CUSTOMERS = "/v1/customers"
PAGINATION = "https://docs.stripe.com/api/pagination"
EXPANSION = "https://docs.stripe.com/api/expanding_objects"
METADATA = "https://docs.stripe.com/metadata"

_METADATA = (
    Rule(
        id="metadata.keys",
        says="Metadata has at most 50 keys.",
        source=METADATA,
        refused=post(CUSTOMERS, {f"metadata[k{n}]": "v" for n in range(51)}),
        answer=refusal(),
        accepted=post(CUSTOMERS, {f"metadata[k{n}]": "v" for n in range(50)}),
    ),
    Rule(
        id="metadata.key.length",
        says="A key of metadata has at most 40 characters.",
        source=METADATA,
        refused=post(CUSTOMERS, {f"metadata[{'k' * 41}]": "v"}),
        answer=refusal(),
        accepted=post(CUSTOMERS, {f"metadata[{'k' * 40}]": "v"}),
    ),
    Rule(
        id="metadata.value.length",
        says="A value of metadata has at most 500 characters.",
        source=METADATA,
        refused=post(CUSTOMERS, {"metadata[k]": "v" * 501}),
        answer=refusal(),
        accepted=post(CUSTOMERS, {"metadata[k]": "v" * 500}),
    ),
    Rule(
        id="metadata.nested",
        says="A key of metadata contains no square brackets.",
        source=METADATA,
        refused=post(CUSTOMERS, {"metadata[a][b]": "v"}),
        answer=refusal(),
        accepted=post(CUSTOMERS, {"metadata[a.b]": "v"}),
    ),
    Rule(
        id="metadata.unset",
        says="An empty value unsets its key; other keys stay.",
        source=sdk("_customer_update_params", "CustomerUpdateParams.metadata"),
        given=("customer_with_metadata",),
        refused=post(f"{CUSTOMERS}/<customer_with_metadata>", "metadata=none"),
        answer=refusal(),
        accepted=post(f"{CUSTOMERS}/<customer_with_metadata>", "metadata[a]="),
        result=shows(metadata={"b": "2"}),
    ),
    Rule(
        id="metadata.unset.all",
        says="Empty metadata unsets all keys.",
        source=sdk("_customer_update_params", "CustomerUpdateParams.metadata"),
        given=("customer_with_metadata",),
        refused=post(f"{CUSTOMERS}/<customer_with_metadata>", {f"metadata[k{n}]": "v" for n in range(51)}),
        answer=refusal(),
        accepted=post(f"{CUSTOMERS}/<customer_with_metadata>", "metadata="),
        result=shows(metadata={}),
    ),
)

_LISTS = (
    Rule(
        id="list.limit.maximum",
        says="A page has at most 100 objects.",
        source=PAGINATION,
        refused=get(CUSTOMERS, "limit=101"),
        answer=refusal(param="limit"),
        accepted=get(CUSTOMERS, "limit=100"),
    ),
    Rule(
        id="list.limit.minimum",
        says="A page has at least 1 object.",
        source=PAGINATION,
        refused=get(CUSTOMERS, "limit=0"),
        answer=refusal(param="limit"),
        accepted=get(CUSTOMERS, "limit=1"),
    ),
    Rule(
        id="list.cursors",
        says="A list is read after or before an object, not both.",
        source=PAGINATION,
        refused=get(CUSTOMERS, "starting_after=<customer>&ending_before=<other_customer>"),
        answer=refusal(),
        accepted=get(CUSTOMERS, "ending_before=<customer>"),
        result=shows(data__0__id="<other_customer>", has_more=False),
    ),
    Rule(
        id="list.cursor.unknown",
        says="An unknown cursor is 400.",
        source="estuary/connectors#1790",
        refused=get(CUSTOMERS, "starting_after=cus_none"),
        answer=refusal("No such customer: 'cus_none'", param="starting_after", code="resource_missing"),
        accepted=get(CUSTOMERS, "starting_after=<customer>"),
        result=shows(data=[]),
    ),
    Rule(
        id="list.order",
        says="Lists are newest first, and say whether there is more.",
        source=PAGINATION,
        given=("customer", "other_customer"),
        refused=get(CUSTOMERS, "limit=many"),
        answer=refusal("Invalid integer: many", param="limit", code="parameter_invalid_integer"),
        accepted=get(CUSTOMERS, "limit=1"),
        result=shows(data__0__id="<other_customer>", has_more=True),
    ),
    Rule(
        id="list.filter.unknown",
        says="Sessions cannot be found by their reference.",
        source=f"OpenAPI GET {SESSIONS} customer",
        refused=get(SESSIONS, "client_reference_id=1"),
        answer=refusal(param="client_reference_id", code="parameter_unknown"),
        accepted=get(SESSIONS, "status=open"),
    ),
    Rule(
        id="expand.depth",
        says="Expansion has at most four levels.",
        source=EXPANSION,
        given=("intent",),
        refused=get(
            f"{SESSIONS}/<paid_session>", "expand[0]=payment_intent.latest_charge.balance_transaction.source.customer"
        ),
        answer=refusal(),
        accepted=get(f"{SESSIONS}/<paid_session>", "expand[0]=payment_intent.latest_charge.balance_transaction.source"),
        result=shows(payment_intent__latest_charge__balance_transaction__source__object="charge"),
    ),
    Rule(
        id="expand.unknown",
        says="Only expandable properties can be expanded.",
        source=EXPANSION,
        refused=get(f"{SESSIONS}/<session>", "expand[0]=status"),
        answer=refusal("This property cannot be expanded (status)."),
        accepted=get(f"{SESSIONS}/<session>", "expand[0]=line_items"),
        result=shows(line_items__object="list"),
    ),
    Rule(
        id="expand.list",
        says="In lists an expansion begins with `data`.",
        source=EXPANSION,
        given=("session_of_customer",),
        refused=get(SESSIONS, "expand[0]=customer"),
        answer=refusal(),
        accepted=get(SESSIONS, "expand[0]=data.customer"),
        result=shows(data__0__customer__email="kim@example.com"),
    ),
)

RULES = (*_METADATA, *_LISTS)
