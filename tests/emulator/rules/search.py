"""Searches."""

from __future__ import annotations

from .rule import Answer, Rule, get, refusal, shows

SEARCH = "https://docs.stripe.com/search"
CUSTOMERS = "/v1/customers/search"
NOT_PARSED = (
    'We were unable to parse your search query. Try using the format `metadata["key"]:"value"` to query for metadata '
    'or key:"value" to query for other fields.'
)
FOUND = shows(object="search_result", url=CUSTOMERS)


def _rule(name: str, says: str, refused: str, accepted: str, answer: Answer, result: Answer = FOUND) -> Rule:
    return Rule(
        id=f"search.{name}",
        says=says,
        source=f"{SEARCH}#search-query-language",
        given=("customer", "other_customer"),
        refused=get(CUSTOMERS, {"query": refused}),
        answer=answer,
        accepted=get(CUSTOMERS, {"query": accepted}),
        result=result,
    )


RULES = (
    _rule(
        "quotes",
        "A value that is not a number is in quotation marks.",
        "name:kim",
        "email:'kim@example.com'",
        refusal(NOT_PARSED),
        shows(data__0__email="kim@example.com", has_more=False),
    ),
    _rule(
        "and-or",
        "A query joins its clauses with `AND` or with `OR`, not both.",
        "name:'a' AND name:'b' OR name:'c'",
        "name:'a' OR email:'kim@example.com' OR name:'c'",
        refusal(NOT_PARSED),
        shows(data__0__email="kim@example.com"),
    ),
    _rule(
        "negation",
        "`-` before a clause negates it; parentheses are unknown.",
        "-(email:'kim@example.com')",
        "-email:'kim@example.com'",
        refusal(NOT_PARSED),
        shows(data__0__email="sam@example.com"),
    ),
    _rule(
        "operator",
        "Only numbers are compared with `>`, and only texts with `~`.",
        "created~'1790'",
        "created>1 AND email~'example'",
        refusal(),
        shows(data__1__email="kim@example.com"),
    ),
    _rule("part", "`~` looks for at least 3 characters.", "email~'ki'", "email~'kim'", refusal()),
    _rule("clauses", "A query has at most 10 clauses.", "name:'a' " * 11, "-name:'a' " * 10, refusal()),
    Rule(
        id="search.field",
        says="Only the fields that Stripe lists for a resource can be searched.",
        source=f"{SEARCH}#supported-query-fields-for-each-resource",
        given=("customer",),
        refused=get(CUSTOMERS, {"query": "currency:'eur'"}),
        answer=refusal("Field `currency` is an unsupported search field for resource `customers`."),
        accepted=get("/v1/payment_intents/search", {"query": "currency:'eur'"}),
    ),
    Rule(
        id="search.query",
        says="A search has a query.",
        source="OpenAPI GET /v1/customers/search query",
        refused=get(CUSTOMERS),
        answer=refusal("Missing required param: query.", param="query", code="parameter_missing"),
        accepted=get(CUSTOMERS, {"query": "-metadata['a']:null"}),
        result=FOUND,
    ),
    Rule(
        id="search.page",
        says="A page is one that a search has returned.",
        source="OpenAPI GET /v1/customers/search page",
        refused=get(CUSTOMERS, {"query": "name:'kim'", "page": "cus_none"}),
        answer=refusal(),
        accepted=get(CUSTOMERS, {"query": "name:'kim'"}),
        result=FOUND,
    ),
)
