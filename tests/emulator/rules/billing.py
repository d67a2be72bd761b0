"""Subscriptions and invoices that the API creates and changes."""

from __future__ import annotations

from .rule import MISSING, Rule, delete, get, post, refusal, sdk, shows

SUBSCRIPTIONS, INVOICES, ITEMS = "/v1/subscriptions", "/v1/invoices", "/v1/invoiceitems"
BASE = "customer=<customer>&items[0][price]=<monthly_price>"
TRIAL = f"{BASE}&trial_period_days=7"
DRAFT = "customer=<customer>&currency=eur"
NOTES, SCHEDULES = "/v1/credit_notes", "/v1/subscription_schedules"
PORTAL = "/v1/billing_portal/sessions"
CLOCKS = "/v1/test_helpers/test_clocks"
SENT = f"{DRAFT}&collection_method=send_invoice"


def _field(name: str) -> str:
    return sdk("_subscription_create_params", f"SubscriptionCreateParams.{name}")


def _invoice(name: str) -> str:
    return sdk("_invoice_create_params", f"InvoiceCreateParams.{name}")


RULES = (
    Rule(
        id="billing.method.required",
        says="A subscription that is charged automatically needs a payment method, unless it begins with a trial.",
        source="clojurewerkz/elephant#14",
        refused=post(SUBSCRIPTIONS, BASE),
        answer=refusal("This customer has no attached payment source or default payment method."),
        accepted=post(SUBSCRIPTIONS, TRIAL),
        result=shows(status="trialing"),
    ),
    Rule(
        id="billing.method.owner",
        says="The default payment method belongs to the customer of the subscription.",
        source=_field("default_payment_method"),
        refused=post(SUBSCRIPTIONS, BASE, "default_payment_method=<card_of_other_customer>"),
        answer=refusal(param="default_payment_method"),
        accepted=post(SUBSCRIPTIONS, BASE, "default_payment_method=<saved_card>"),
        result=shows(status="active"),
    ),
    Rule(
        id="billing.price.recurring",
        says="The price of a subscription is recurring.",
        source="https://docs.stripe.com/api/subscriptions/create#create_subscription-items-price",
        refused=post(SUBSCRIPTIONS, TRIAL, "items[0][price]=<price>"),
        answer=refusal(param="items[0][price]"),
        accepted=post(SUBSCRIPTIONS, TRIAL),
    ),
    Rule(
        id="billing.trial.future",
        says="A trial ends in the future.",
        source=_field("trial_end"),
        refused=post(SUBSCRIPTIONS, BASE, "trial_end=<now-60>"),
        answer=refusal(param="trial_end"),
        accepted=post(SUBSCRIPTIONS, BASE, "trial_end=<now+86400>"),
        result=shows(status="trialing"),
    ),
    Rule(
        id="billing.anchor.future",
        says="The billing cycle's anchor is in the future.",
        source=_field("billing_cycle_anchor"),
        refused=post(SUBSCRIPTIONS, BASE, "default_payment_method=<saved_card>&billing_cycle_anchor=<now-60>"),
        answer=refusal(param="billing_cycle_anchor"),
        accepted=post(SUBSCRIPTIONS, BASE, "default_payment_method=<saved_card>&billing_cycle_anchor=<now+86400>"),
    ),
    Rule(
        id="billing.sent.days",
        says="`days_until_due` is for subscriptions whose invoices are sent.",
        source=_field("days_until_due"),
        refused=post(SUBSCRIPTIONS, TRIAL, "days_until_due=30"),
        answer=refusal(param="days_until_due"),
        accepted=post(SUBSCRIPTIONS, BASE, "collection_method=send_invoice&days_until_due=30"),
        result=shows(status="active", days_until_due=30),
    ),
    Rule(
        id="billing.items.count",
        says="A subscription has at most 20 items.",
        source=_field("items"),
        refused=post(SUBSCRIPTIONS, TRIAL, "&".join(f"items[{at}][price]=<monthly_price>" for at in range(21))),
        answer=refusal(param="items"),
        accepted=post(SUBSCRIPTIONS, TRIAL),
    ),
    Rule(
        id="billing.preview.ended",
        says="A subscription that has ended has no next invoice.",
        source="https://docs.stripe.com/error-codes#invoice-upcoming-none",
        given=("subscription_payment", "subscription_with_trial", "canceled_subscription"),
        refused=post(f"{INVOICES}/create_preview", "subscription=<subscription>"),
        answer=refusal(code="invoice_upcoming_none", status=404),
        accepted=post(f"{INVOICES}/create_preview", "subscription=<subscription_with_trial>"),
        result=shows(status="draft", total=1000),
    ),
    Rule(
        id="invoice.finalized",
        says="A finalized invoice takes no more items.",
        source="stripe/stripe-php#1105",
        refused=post(ITEMS, DRAFT, "amount=100&invoice=<open_invoice>"),
        answer=refusal("Finalized invoices can't be updated in this way", code="invoice_not_editable"),
        accepted=post(ITEMS, DRAFT, "amount=100&invoice=<draft_invoice>"),
    ),
    Rule(
        id="invoice.finalized.update",
        says="A finalized invoice keeps its collection method.",
        source="https://docs.stripe.com/api/invoices/update",
        refused=post(f"{INVOICES}/<open_invoice>", "collection_method=send_invoice&days_until_due=3"),
        answer=refusal(code="invoice_not_editable"),
        accepted=post(f"{INVOICES}/<open_invoice>", "description=Thanks"),
        result=shows(description="Thanks"),
    ),
    Rule(
        id="invoice.due",
        says="`days_until_due` is for invoices that are sent.",
        source=_invoice("days_until_due"),
        refused=post(INVOICES, DRAFT, "days_until_due=3"),
        answer=refusal(param="days_until_due"),
        accepted=post(INVOICES, SENT, "days_until_due=3"),
    ),
    Rule(
        id="invoice.delete",
        says="A finalized invoice cannot be deleted.",
        source="https://docs.stripe.com/api/invoices/delete",
        refused=delete(f"{INVOICES}/<open_invoice>"),
        answer=refusal(),
        accepted=delete(f"{INVOICES}/<draft_invoice>"),
        result=shows(deleted=True),
    ),
    Rule(
        id="invoice.void.draft",
        says="A draft cannot be voided.",
        source="https://docs.stripe.com/api/invoices/void",
        refused=post(f"{INVOICES}/<draft_invoice>/void"),
        answer=refusal(),
        accepted=post(f"{INVOICES}/<open_invoice>/void"),
        result=shows(status="void"),
    ),
    Rule(
        id="invoice.item.amount",
        says="An invoice item has an amount or a price.",
        source=sdk("_invoice_item_create_params", "InvoiceItemCreateParams.amount"),
        refused=post(ITEMS, DRAFT),
        answer=refusal(),
        accepted=post(ITEMS, DRAFT, "amount=-100"),
        result=shows(amount=-100, discountable=False),
    ),
    Rule(
        id="clock.forward",
        says="A test clock is advanced to a later time.",
        source="https://docs.stripe.com/billing/testing/test-clocks",
        refused=post(f"{CLOCKS}/<test_clock>/advance", "frozen_time=1800000000"),
        answer=refusal(param="frozen_time"),
        accepted=post(f"{CLOCKS}/<test_clock>/advance", "frozen_time=1800086400"),
        result=shows(status="advancing"),
    ),
    Rule(
        id="clock.customers",
        says="Customers on test clocks are listed by their clock only.",
        source="OpenAPI GET /v1/customers test_clock",
        given=("customer_on_clock",),
        refused=get("/v1/customers", "test_clock=clock_unknown"),
        answer=shows(data=[]),
        accepted=get("/v1/customers", "test_clock=<test_clock>"),
        result=shows(data__0__id="<customer_on_clock>"),
    ),
    Rule(
        id="credit-note.draft",
        says="A credit note needs a finalized invoice.",
        source="https://docs.stripe.com/api/credit_notes/create",
        refused=post(NOTES, "invoice=<draft_invoice>&amount=100"),
        answer=refusal(),
        accepted=post(NOTES, "invoice=<open_invoice>&amount=100"),
        result=shows(status="issued", pre_payment_amount=100),
    ),
    Rule(
        id="credit-note.amount",
        says="A credit note is not larger than its invoice.",
        source="https://docs.stripe.com/invoicing/integration/programmatic-credit-notes",
        refused=post(NOTES, "invoice=<open_invoice>&amount=901"),
        answer=refusal(),
        accepted=post(NOTES, "invoice=<open_invoice>&amount=900"),
    ),
    Rule(
        id="credit-note.lines",
        says="A credit note has an amount or lines.",
        source=sdk("_credit_note_create_params", "CreditNoteCreateParams.amount"),
        refused=post(NOTES, "invoice=<open_invoice>"),
        answer=refusal(),
        accepted=post(NOTES, "invoice=<open_invoice>&amount=900"),
    ),
    Rule(
        id="schedule.one",
        says="A schedule from a subscription has neither phases nor a customer of its own.",
        source=sdk("_subscription_schedule_create_params", "SubscriptionScheduleCreateParams.from_subscription"),
        refused=post(SCHEDULES, "from_subscription=<subscription_with_trial>&customer=<customer>"),
        answer=refusal(),
        accepted=post(SCHEDULES, "from_subscription=<subscription_with_trial>"),
        result=shows(status="active"),
    ),
    Rule(
        id="portal.flow.details",
        says="A flow names what it is about.",
        source=sdk("billing_portal/_session_create_params", "SessionCreateParamsFlowData.subscription_cancel"),
        given=("subscription_with_trial",),
        refused=post(PORTAL, "customer=<customer>&flow_data[type]=subscription_cancel"),
        answer=refusal(param="flow_data[subscription_cancel]", code="parameter_missing"),
        accepted=post(
            PORTAL,
            "customer=<customer>&flow_data[type]=subscription_cancel",
            "flow_data[subscription_cancel][subscription]=<subscription_with_trial>",
        ),
        result=shows(flow__type="subscription_cancel"),
    ),
    Rule(
        id="portal.flow.feature",
        says="A flow needs its feature in the configuration of the portal.",
        source="https://docs.stripe.com/customer-management/portal-deep-links",
        refused=post(
            PORTAL,
            "customer=<customer>&flow_data[type]=subscription_update",
            "flow_data[subscription_update][subscription]=<subscription_with_trial>",
        ),
        answer=refusal(param="flow_data[type]"),
        accepted=post(PORTAL, "customer=<customer>&flow_data[type]=payment_method_update"),
    ),
    Rule(
        id="portal.configuration",
        says="The configuration of a portal session exists.",
        source=MISSING,
        refused=post(PORTAL, "customer=<customer>&configuration=bpc_unknown"),
        answer=refusal(param="configuration", code="resource_missing"),
        accepted=post(PORTAL, "customer=<customer>&configuration=<portal_configuration>"),
    ),
)
