"""Objects and states that rules refer to by name, each made by one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .rule import Sent, post

SESSIONS = "/v1/checkout/sessions"
_LINE = "line_items[0]"
_DATA = f"{_LINE}[price_data]"
_PRICE = f"{_DATA}[currency]=eur&{_DATA}[unit_amount]=1000&{_DATA}[product_data][name]=Tea"
#: The least that a session of each mode and UI mode needs.
PAYMENT = f"mode=payment&success_url=https://shop.example.com/&{_LINE}[quantity]=1&{_PRICE}"
SUBSCRIPTION = f"{PAYMENT}&mode=subscription&{_DATA}[recurring][interval]=month"
SETUP = "mode=setup&success_url=https://shop.example.com/&currency=eur"
EMBEDDED = "-success_url&ui_mode=embedded_page&return_url=https://shop.example.com/"
ELEMENTS = "-success_url&ui_mode=elements&return_url=https://shop.example.com/"
BY_CARD = "amount=1000&currency=eur&payment_method_types[0]=card"
CARD_NUMBER = "card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=40&card[cvc]=123"
MANUAL = "payment_intent_data[capture_method]=manual"
SHIPPING = "shipping_address_collection[allowed_countries][0]=DE"
RATE = (
    "shipping_options[0][shipping_rate_data][display_name]=Parcel"
    "&shipping_options[0][shipping_rate_data][fixed_amount][amount]=490"
    "&shipping_options[0][shipping_rate_data][fixed_amount][currency]=eur"
)
FIELD = "custom_fields[0][key]=gift&custom_fields[0][label][type]=custom&custom_fields[0][label][custom]=Gift"
TEXT_FIELD = f"{FIELD}&custom_fields[0][type]=text"
DROPDOWN = f"{FIELD}&custom_fields[0][type]=dropdown"
OPTION = "custom_fields[0][dropdown][options]"
ONE_OPTION = f"{OPTION}[0][label]=Red&{OPTION}[0][value]=red"
ENDPOINT = "url=https://shop.example.com/webhook/&enabled_events[0]=checkout.session.completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A request, and the path of the value in its response that has the name of the given."""

    sent: Sent
    path: str = "id"


def made(path: str, *parts: str) -> Given:
    """Return an object that a POST request creates."""
    return Given(sent=post(path, *parts))


def done(action: str, *parts: str, path: str = "result") -> Given:
    """Return what the shopper, the bank or the clock does: an action of ``/control/``."""
    return Given(sent=post("/control/", f"action={action}", *parts), path=path)


def paid(session: str, *parts: str) -> Given:
    """Return the PaymentIntent of a session that the shopper pays."""
    return done("pay", f"id=<{session}>", *parts, path="result.payment_intent")


GIVENS: Mapping[str, Given] = {
    "customer": made("/v1/customers", "email=kim@example.com"),
    "customer_in_de": made("/v1/customers", "address[country]=DE&address[line1]=Weg 1&address[city]=Ulm"),
    "other_customer": made("/v1/customers", "email=sam@example.com"),
    "deleted_customer": made("/v1/customers", "email=alex@example.com"),
    "customer_deletion": Given(sent=Sent(method="DELETE", path="/v1/customers/<deleted_customer>")),
    "subscribing_customer_deletion": Given(sent=Sent(method="DELETE", path="/v1/customers/<customer>")),
    "customer_by_key": Given(sent=post("/v1/customers", "name=Kim", Idempotency_Key="rules-1")),
    "ephemeral_secret": Given(sent=post("/v1/ephemeral_keys", "customer=<customer>"), path="secret"),
    "customer_with_metadata": made("/v1/customers", "metadata[a]=1&metadata[b]=2"),
    "product": made("/v1/products", "name=Tea"),
    "jug": made("/v1/products", "name=Jug"),
    "inactive_product": made("/v1/products", "name=Old tea&active=false"),
    "price": made("/v1/prices", "product=<product>&currency=eur&unit_amount=1000"),
    "price_in_usd": made("/v1/prices", "product=<product>&currency=usd&unit_amount=1000"),
    "monthly_price": made("/v1/prices", "product=<product>&currency=eur&unit_amount=1000&recurring[interval]=month"),
    "inactive_price": made("/v1/prices", "product=<product>&currency=eur&unit_amount=1000&active=false"),
    "price_of_inactive_product": made("/v1/prices", "product=<inactive_product>&currency=eur&unit_amount=1000"),
    "keyed_price": made("/v1/prices", "product=<product>&currency=eur&unit_amount=1000&lookup_key=standard"),
    "custom_price": made("/v1/prices", "product=<product>&currency=eur&custom_unit_amount[enabled]=true"),
    "own_tax_id": made("/v1/tax_ids", "type=eu_vat&value=DE123456789"),
    "tax_rate": made("/v1/tax_rates", "display_name=VAT&inclusive=false&percentage=19"),
    "old_tax_rate": made("/v1/tax_rates", "display_name=VAT&inclusive=false&percentage=16&active=false"),
    "coupon": made("/v1/coupons", "percent_off=10"),
    "coupon_in_eur": made("/v1/coupons", "amount_off=100&currency=eur"),
    "coupon_in_usd": made("/v1/coupons", "amount_off=100&currency=usd"),
    "coupon_for_jugs": made("/v1/coupons", "percent_off=10&applies_to[products][0]=<jug>"),
    "coupon_for_tea": made("/v1/coupons", "percent_off=10&applies_to[products][0]=<product>"),
    "coupon_until_tomorrow": made("/v1/coupons", "percent_off=10&redeem_by=<now+86400>"),
    "coupon_for_one": made("/v1/coupons", "percent_off=10&max_redemptions=1"),
    "redeemed_coupon": paid("session_with_coupon_for_one"),
    "session_with_coupon_for_one": made(SESSIONS, PAYMENT, "discounts[0][coupon]=<coupon_for_one>"),
    "code": made("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=<coupon>&code=TEA10"),
    "inactive_code": made(
        "/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=<coupon>&code=OLD10&active=false"
    ),
    "code_of_customer": made(
        "/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=<coupon>&code=KIM10&customer=<customer>"
    ),
    "code_from_20_eur": made(
        "/v1/promotion_codes",
        "promotion[type]=coupon&promotion[coupon]=<coupon>&code=BIG10"
        "&restrictions[minimum_amount]=2000&restrictions[minimum_amount_currency]=eur",
    ),
    "code_for_first_order": made(
        "/v1/promotion_codes",
        "promotion[type]=coupon&promotion[coupon]=<coupon>&code=NEW10&restrictions[first_time_transaction]=true",
    ),
    "code_in_usd": made("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=<coupon_in_usd>&code=USD1"),
    "code_until_tomorrow": made(
        "/v1/promotion_codes",
        "promotion[type]=coupon&promotion[coupon]=<coupon_until_tomorrow>&code=DAY10&active=false",
    ),
    "rate": made("/v1/shipping_rates", "display_name=Parcel&fixed_amount[amount]=490&fixed_amount[currency]=eur"),
    "inactive_rate": made("/v1/shipping_rates/<old_rate>", "active=false"),
    "old_rate": made("/v1/shipping_rates", "display_name=Cart&fixed_amount[amount]=490&fixed_amount[currency]=eur"),
    # Sessions.
    "session": made(SESSIONS, PAYMENT),
    "embedded_session": made(SESSIONS, PAYMENT, EMBEDDED, SHIPPING),
    "elements_session": made(SESSIONS, PAYMENT, ELEMENTS),
    "subscription_session": made(SESSIONS, SUBSCRIPTION),
    "other_session": made(SESSIONS, PAYMENT),
    "expired_session": made(f"{SESSIONS}/<other_session>/expire"),
    # Payments.
    "intent": paid("paid_session"),
    "paid_session": made(SESSIONS, PAYMENT),
    "authorized_charge": Given(
        sent=Sent(method="GET", path="/v1/payment_intents/<authorized_intent>"), path="latest_charge"
    ),
    "charge": Given(sent=Sent(method="GET", path="/v1/payment_intents/<intent>"), path="latest_charge"),
    "intent_of_customer": paid("session_of_customer"),
    "session_of_customer": made(SESSIONS, PAYMENT, "customer=<customer>"),
    "partly_refunded_intent": paid("partly_refunded_session"),
    "partly_refunded_session": made(SESSIONS, PAYMENT),
    "part_refund": made("/v1/refunds", "payment_intent=<partly_refunded_intent>&amount=400"),
    "refunded_intent": paid("refunded_session"),
    "refunded_session": made(SESSIONS, PAYMENT),
    "refund": made("/v1/refunds", "payment_intent=<refunded_intent>"),
    "disputed_intent": paid("disputed_session", "card=4000000000000259"),
    "disputed_session": made(SESSIONS, PAYMENT),
    "dispute": Given(
        sent=Sent(method="GET", path="/v1/disputes", form={"payment_intent": "<disputed_intent>"}), path="data.0.id"
    ),
    "staged_evidence": made("/v1/disputes/<dispute>", "evidence[customer_name]=Kim&submit=false"),
    "accepted_dispute": made("/v1/disputes/<dispute>/close"),
    "authorized_intent": paid("authorized_session"),
    "authorized_session": made(SESSIONS, PAYMENT, MANUAL),
    "part_capture": made("/v1/payment_intents/<authorized_intent>/capture", "amount_to_capture=600"),
    "captured_intent": made("/v1/payment_intents/<other_authorized_intent>/capture"),
    "other_authorized_intent": paid("other_authorized_session"),
    "other_authorized_session": made(SESSIONS, PAYMENT, MANUAL),
    "canceled_intent": made("/v1/payment_intents/<third_authorized_intent>/cancel"),
    "third_authorized_intent": paid("third_authorized_session"),
    "third_authorized_session": made(SESSIONS, PAYMENT, MANUAL),
    "declined_intent": paid("declined_session", "card=4000000000000002"),
    "declined_session": made(SESSIONS, PAYMENT),
    "debited_intent": paid("debited_session", "iban=AT611904300234573201"),
    "debited_session": made(SESSIONS, PAYMENT),
    "described_session": made(SESSIONS, PAYMENT, "payment_intent_data[statement_descriptor]=TEA SHOP"),
    "voucher_refund": made("/v1/refunds", "payment_intent=<voucher_intent>"),
    "voucher_intent": paid("voucher_session", "method=konbini"),
    "voucher_payment": done("settle", "id=<voucher_session>"),
    "voucher_session": made(SESSIONS, PAYMENT, f"{_DATA}[currency]=jpy"),
    "multibanco_intent": paid("multibanco_session", "method=multibanco"),
    "multibanco_session": made(SESSIONS, PAYMENT, "payment_method_types[0]=multibanco"),
    "oxxo_intent": paid("oxxo_session", "method=oxxo"),
    "oxxo_payment": done("settle", "id=<oxxo_session>"),
    "oxxo_session": made(SESSIONS, PAYMENT, f"{_DATA}[currency]=mxn"),
    "boleto_intent": paid("boleto_session", "method=boleto"),
    "boleto_payment": done("settle", "id=<boleto_session>"),
    "boleto_session": made(SESSIONS, PAYMENT, f"{_DATA}[currency]=brl"),
    "code_intent": paid("code_session", "method=paynow"),
    "code_session": made(SESSIONS, PAYMENT, f"{_DATA}[currency]=sgd&payment_method_types[0]=paynow"),
    "transferred_intent": made(
        "/v1/payment_intents",
        "amount=1000&currency=eur&customer=<customer>&payment_method_types[0]=customer_balance",
        "payment_method_options[customer_balance][funding_type]=bank_transfer",
        "payment_method_options[customer_balance][bank_transfer][type]=eu_bank_transfer",
        "payment_method_options[customer_balance][bank_transfer][eu_bank_transfer][country]=NL",
        "payment_method_data[type]=customer_balance&confirm=true",
    ),
    "partial_transfer": done("transfer", "id=<customer>&amount=400&currency=eur", path="result.id"),
    "manual_cash": Given(
        sent=post("/v1/customers/<customer>/cash_balance", "settings[reconciliation_mode]=manual"), path="customer"
    ),
    # Intents without a session, tokens and payouts.
    "new_intent": made("/v1/payment_intents", "amount=1000&currency=eur"),
    "new_card_intent": made("/v1/payment_intents", BY_CARD),
    "direct_intent": made("/v1/payment_intents", BY_CARD, "payment_method=pm_card_visa&confirm=true"),
    "available_intent": made("/v1/payment_intents", BY_CARD, "payment_method=pm_card_bypassPending&confirm=true"),
    "held_intent": made(
        "/v1/payment_intents",
        BY_CARD,
        "payment_method=pm_card_visa&confirm=true&capture_method=manual",
        "payment_method_options[card][request_incremental_authorization]=if_available",
    ),
    "challenged_intent": made(
        "/v1/payment_intents", BY_CARD, "payment_method=pm_card_threeDSecure2Required&confirm=true"
    ),
    "authentication": done("authenticate", "id=<challenged_intent>", path="result.status"),
    "new_setup": made("/v1/setup_intents", "payment_method_types[0]=card"),
    "done_setup": made("/v1/setup_intents", "payment_method_types[0]=card&payment_method=pm_card_visa&confirm=true"),
    "token": made("/v1/tokens", CARD_NUMBER),
    "other_token": made("/v1/tokens", CARD_NUMBER),
    "method_of_token": made("/v1/payment_methods", "type=card&card[token]=<token>"),
    "payout": made("/v1/payouts", "amount=100&currency=eur"),
    "other_payout": made("/v1/payouts", "amount=100&currency=eur"),
    "canceled_payout": made("/v1/payouts/<payout>/cancel"),
    "disputed_charge": Given(
        sent=Sent(method="GET", path="/v1/payment_intents/<disputed_intent>"), path="latest_charge"
    ),
    # Saved cards and subscriptions.
    "saved_card": Given(sent=Sent(method="GET", path="/v1/payment_intents/<saving_intent>"), path="payment_method"),
    "saving_intent": paid("saving_session"),
    "saving_session": made(
        SESSIONS, PAYMENT, "customer=<customer>&payment_intent_data[setup_future_usage]=off_session"
    ),
    "card_of_other_customer": Given(
        sent=Sent(method="GET", path="/v1/payment_intents/<other_saving_intent>"), path="payment_method"
    ),
    "other_saving_intent": paid("other_saving_session"),
    "other_saving_session": made(
        SESSIONS, PAYMENT, "customer=<other_customer>&payment_intent_data[setup_future_usage]=off_session"
    ),
    "detached_card": made("/v1/payment_methods/<saved_card>/detach"),
    "used_card": Given(sent=Sent(method="GET", path="/v1/payment_intents/<intent>"), path="payment_method"),
    "subscription": Given(sent=Sent(method="GET", path=f"{SESSIONS}/<subscribed_session>"), path="subscription"),
    "subscription_payment": done("pay", "id=<subscribed_session>"),
    "subscribed_session": made(SESSIONS, SUBSCRIPTION, "customer=<customer>"),
    "canceled_subscription": Given(sent=Sent(method="DELETE", path="/v1/subscriptions/<subscription>")),
    "subscription_with_trial": made(
        "/v1/subscriptions", "customer=<customer>&items[0][price]=<monthly_price>&trial_period_days=7"
    ),
    "test_clock": made("/v1/test_helpers/test_clocks", "frozen_time=1800000000"),
    "customer_on_clock": made("/v1/customers", "test_clock=<test_clock>"),
    "portal_configuration": made(
        "/v1/billing_portal/configurations", "features[invoice_history][enabled]=true&name=Club"
    ),
    "draft_invoice": made("/v1/invoices", "customer=<customer>&currency=eur"),
    "open_invoice": Given(sent=post("/v1/invoices/<item_of_invoice>/finalize")),
    "item_of_invoice": Given(
        sent=post("/v1/invoiceitems", "customer=<customer>&currency=eur&amount=900&invoice=<other_draft>"),
        path="invoice",
    ),
    "other_draft": made("/v1/invoices", "customer=<customer>&currency=eur"),
    "paid_invoice": made("/v1/invoices/<open_invoice>/pay", "paid_out_of_band=true"),
    "uncollectible_invoice": made("/v1/invoices/<open_invoice>/mark_uncollectible"),
    "credit_note": made("/v1/credit_notes", "invoice=<second_open_invoice>&amount=400"),
    "second_open_invoice": made("/v1/invoices/<second_draft>/finalize"),
    "full_credit_note": made("/v1/credit_notes", "invoice=<open_invoice>&amount=900"),
    "second_draft": Given(
        sent=post("/v1/invoiceitems", "customer=<customer>&currency=eur&amount=700&invoice=<draft_invoice>"),
        path="invoice",
    ),
    "schedule": made("/v1/subscription_schedules", "from_subscription=<subscription_with_trial>"),
    "released_schedule": made("/v1/subscription_schedules/<schedule>/release"),
    "other_subscription_with_trial": made(
        "/v1/subscriptions", "customer=<customer>&items[0][price]=<monthly_price>&trial_period_days=7"
    ),
    "pausing_subscription": made(
        "/v1/subscriptions",
        "customer=<customer>&items[0][price]=<monthly_price>&trial_period_days=1",
        "trial_settings[end_behavior][missing_payment_method]=pause",
    ),
    # Files.
    "evidence": made("/v1/files", "purpose=dispute_evidence&file=@tea.pdf"),
    "large_evidence": made("/v1/files", "purpose=dispute_evidence&file=@tea.pdf+3000000"),
    "icon": made("/v1/files", "purpose=business_icon&file=@icon.png"),
    # Payment links.
    "link": made("/v1/payment_links", "line_items[0][price]=<price>&line_items[0][quantity]=1"),
    "line_of_link": Given(sent=Sent(method="GET", path="/v1/payment_links/<link>/line_items"), path="data.0.id"),
    # Webhook endpoints and time.
    "endpoint": made("/v1/webhook_endpoints", ENDPOINT),
    "30_days": done("advance", f"seconds={30 * 24 * 3600 + 1}"),
    "29_days": done("advance", f"seconds={29 * 24 * 3600}"),
    "2_days": done("advance", f"seconds={2 * 24 * 3600}"),
    "event": Given(sent=Sent(method="GET", path="/v1/events", form={"limit": "1"}), path="data.0.id"),
    "newest_event": Given(
        sent=Sent(method="GET", path="/v1/events", form={"type": "product.created"}), path="data.0.id"
    ),
    **{f"endpoint_{number}": made("/v1/webhook_endpoints", ENDPOINT) for number in range(15)},
}
