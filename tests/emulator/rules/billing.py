"""Subscriptions, schedules, test clocks and the portal, which the API creates and changes."""

from __future__ import annotations

from .rule import MISSING, Rule, delete, get, post, refusal, sdk, shows

SUBSCRIPTIONS, INVOICES, ITEMS = "/v1/subscriptions", "/v1/invoices", "/v1/invoiceitems"
BASE = "customer=<customer>&items[0][price]=<monthly_price>"
TRIAL = f"{BASE}&trial_period_days=7"
DRAFT = "customer=<customer>&currency=eur"
NOTES, SCHEDULES = "/v1/credit_notes", "/v1/subscription_schedules"
PORTAL = "/v1/billing_portal/sessions"
PHASE = "phases[0][items][0][price]=<monthly_price>&phases[0][duration][interval]=month"
CLOCKS = "/v1/test_helpers/test_clocks"
SENT = f"{DRAFT}&collection_method=send_invoice"


def _field(name: str) -> str:
    return sdk("_subscription_create_params", f"SubscriptionCreateParams.{name}")


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
        id="billing.trial.maximum",
        says="A trial has at most 730 days.",
        source="stripe/stripe-ruby#804",
        refused=post(SUBSCRIPTIONS, BASE, "trial_period_days=731"),
        answer=refusal("The maximum number of trial period days is 730 (2 years).", param="trial_period_days"),
        accepted=post(SUBSCRIPTIONS, BASE, "trial_period_days=730"),
        result=shows(status="trialing"),
    ),
    Rule(
        id="billing.invoice.method",
        says="An invoice is paid with its own payment method, its subscription's or its customer's.",
        source=sdk("_invoice_create_params", "InvoiceCreateParams.default_payment_method"),
        refused=post(f"{INVOICES}/<open_invoice>/pay"),
        answer=refusal(),
        accepted=post(f"{INVOICES}/<open_invoice>/pay", "paid_out_of_band=true"),
        result=shows(status="paid"),
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
        id="billing.items.duplicate",
        says="The items of a new subscription have different prices.",
        source="Kiln-AI/stripe_world 12_subscriptions",
        refused=post(SUBSCRIPTIONS, TRIAL, "items[1][price]=<monthly_price>"),
        answer=refusal(
            "Cannot create a Subscription with multiple Subscription Items with the same Price", param="plan"
        ),
        accepted=post(SUBSCRIPTIONS, TRIAL, "items[0][quantity]=2"),
    ),
    Rule(
        id="billing.canceled.again",
        says="A canceled subscription cannot be canceled again.",
        source="Kiln-AI/stripe_world 12_subscriptions",
        given=("subscription_payment", "subscription", "canceled_subscription"),
        refused=delete(f"{SUBSCRIPTIONS}/<subscription>"),
        answer=refusal("No such subscription", param="id", code="resource_missing", status=404),
        accepted=delete(f"{SUBSCRIPTIONS}/<subscription_with_trial>"),
        result=shows(status="canceled", cancellation_details__reason="cancellation_requested"),
    ),
    Rule(
        id="billing.resume.paused",
        says="Only a paused subscription can be resumed.",
        source="Kiln-AI/stripe_world 12_subscriptions",
        given=("pausing_subscription", "2_days"),
        refused=post(f"{SUBSCRIPTIONS}/<subscription_with_trial>/resume"),
        answer=refusal("You can only resume a subscription if it is `paused`."),
        accepted=post(f"{SUBSCRIPTIONS}/<pausing_subscription>/resume"),
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
        id="schedule.attached",
        says="A subscription has one schedule.",
        source="BasedHardware/omi#7649",
        given=("schedule",),
        refused=post(SCHEDULES, "from_subscription=<subscription_with_trial>"),
        answer=refusal("You cannot migrate a subscription that is already attached to a schedule"),
        accepted=post(SCHEDULES, "from_subscription=<other_subscription_with_trial>"),
    ),
    Rule(
        id="schedule.cancel",
        says="A schedule that is released cannot be canceled.",
        source="stripe/_subscription_schedule_service.py SubscriptionScheduleService.cancel",
        given=("released_schedule",),
        refused=post(f"{SCHEDULES}/<released_schedule>/cancel"),
        answer=refusal("You cannot cancel a subscription schedule that is currently in the `released` status."),
        accepted=post(SCHEDULES, "from_subscription=<subscription_with_trial>"),
    ),
    Rule(
        id="schedule.phase.end",
        says="A phase has either an end or a duration.",
        source=sdk("_subscription_schedule_create_params", "SubscriptionScheduleCreateParamsPhase.duration"),
        refused=post(f"{SCHEDULES}/<schedule>", PHASE, "phases[0][end_date]=<now+9000000>"),
        answer=refusal(),
        accepted=post(f"{SCHEDULES}/<schedule>", PHASE),
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
