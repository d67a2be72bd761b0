"""Parameters of a new session that need another one, beside those for automatic tax."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS, SUBSCRIPTION
from .rule import Rule, post, refusal, session_field, shows

SAVED = "saved_payment_method_options[payment_method_save]=enabled"
SAVING_GUIDE = "https://docs.stripe.com/payments/checkout/save-during-payment"
TAX_ID = "tax_id_collection[enabled]=true&customer_update[name]=auto"

OF_INVOICE = "invoice_creation[invoice_data][account_tax_ids]"

RULES = (
    Rule(
        id="needed.invoice.tax-ids",
        says="An invoice shows tax IDs that the account has.",
        source="https://docs.stripe.com/tax/invoicing/tax-ids",
        refused=post(SESSIONS, PAYMENT, "invoice_creation[enabled]=true", {f"{OF_INVOICE}[0]": "txi_1"}),
        answer=refusal(param=OF_INVOICE, code="resource_missing"),
        accepted=post(SESSIONS, PAYMENT, "invoice_creation[enabled]=true", {f"{OF_INVOICE}[0]": "<own_tax_id>"}),
        result=shows(invoice_creation__enabled=True),
    ),
    Rule(
        id="needed.tax-ids.address",
        says="Tax IDs of a customer without an address are collected with `customer_update[address]` only.",
        source="NativePHP/nativephp.com#408",
        refused=post(SESSIONS, PAYMENT, TAX_ID, "customer=<customer>"),
        answer=refusal(
            "We could not find a valid address on the provided customer. To enable tax ID collection, please set "
            "`customer_update[address]` to `auto`."
        ),
        accepted=post(SESSIONS, PAYMENT, TAX_ID, "customer=<customer>&customer_update[address]=auto"),
        result=shows(tax_id_collection__enabled=True),
    ),
    Rule(
        id="needed.tax-ids.known-address",
        says="Tax IDs of a customer with an address are collected without `customer_update[address]`.",
        source="NativePHP/nativephp.com#408",
        refused=post(SESSIONS, PAYMENT, TAX_ID, "customer=<customer>"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, TAX_ID, "customer=<customer_in_de>"),
        result=shows(tax_id_collection__enabled=True),
    ),
    Rule(
        id="needed.saved-method.customer",
        says="A payment method is saved to a customer: an existing one, or one that `customer_creation` creates.",
        source=SAVING_GUIDE,
        refused=post(SESSIONS, PAYMENT, SAVED),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, SAVED, "customer_creation=always"),
        result=shows(saved_payment_method_options__payment_method_save="enabled"),
    ),
    Rule(
        id="needed.saved-method.known-customer",
        says="With a customer, a payment method is saved without `customer_creation`.",
        source=SAVING_GUIDE,
        refused=post(SESSIONS, PAYMENT, SAVED),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, SAVED, "customer=<customer>"),
    ),
    Rule(
        id="needed.fee.account",
        says="An application fee needs a connected account that is paid.",
        source="Sylius/PayumStripe#14",
        refused=post(SESSIONS, PAYMENT, "payment_intent_data[application_fee_amount]=50"),
        answer=refusal(
            "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct payment (using an "
            "OAuth key or Stripe-Account header) or destination payment (using `transfer_data[destination]`)."
        ),
        accepted=post(SESSIONS, PAYMENT, "payment_intent_data[transfer_group]=tea"),
    ),
    Rule(
        id="needed.fee-percent.account",
        says="A percentage for the application needs a connected account that is paid.",
        source=session_field("SubscriptionData.application_fee_percent"),
        refused=post(SESSIONS, SUBSCRIPTION, "subscription_data[application_fee_percent]=2.5"),
        answer=refusal(param="subscription_data[application_fee_percent]"),
        accepted=post(SESSIONS, SUBSCRIPTION, "subscription_data[description]=Tea"),
    ),
)
