"""What a session with a known customer must and must not send; customers, and their saved cards."""

from __future__ import annotations

from .givens import PAYMENT, SESSIONS, SHIPPING, SUBSCRIPTION
from .rule import Rule, delete, get, post, refusal, session_field, shows

TAX_GUIDE = "https://docs.stripe.com/tax/checkout"
TAX = "automatic_tax[enabled]=true"
CUSTOMER = "customer=<customer>"
KNOWN = "customer=<customer_in_de>"
BALANCE = "/v1/customers/<customer>/balance_transactions"
DETACHED = (
    "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and "
    "may not be used again"
)


def _email(name: str, path: str, form: str, field: str, address: str, source: str) -> Rule:
    return Rule(
        id=f"email.{name}",
        says=f"`{field}` is an e-mail address that Stripe accepts: not `{address.strip()}` "
        f"{'with a space before it' if address != address.strip() else ''}".strip()
        + ".",
        source=source,
        refused=post(path, form, {field: address}),
        answer=refusal(f"Invalid email address: {address}", param=field, code="email_invalid"),
        accepted=post(path, form, {field: "kim@example.com"}),
    )


_EMAILS = (
    _email("without-at", SESSIONS, PAYMENT, "customer_email", "kim", "fjordllc/bootcamp#6408"),
    _email("without-top-level-domain", SESSIONS, PAYMENT, "customer_email", "test@test", "Sylius/PayumStripePlugin#9"),
    _email("with-space", SESSIONS, PAYMENT, "customer_email", " kim@example.com", "fjordllc/bootcamp#3927"),
    _email("of-customer", "/v1/customers", "", "email", "kim@.example.com", "masslight/ottehr#7319"),
    _email(
        "of-receipt",
        SESSIONS,
        PAYMENT,
        "payment_intent_data[receipt_email]",
        "kim",
        "mage2pro/stripe#72",
    ),
)

RULES = (
    Rule(
        id="customer.or-email",
        says="A session has a customer or a customer's e-mail address, not both.",
        source="SkynetLabs/skynet-webportal#1325",
        refused=post(SESSIONS, PAYMENT, CUSTOMER, "customer_email=kim@example.com"),
        answer=refusal("You may only specify one of these parameters: customer, customer_email."),
        accepted=post(SESSIONS, PAYMENT, CUSTOMER),
        result=shows(customer="<customer>"),
    ),
    Rule(
        id="customer.or-creation",
        says="A session with a customer creates none.",
        source=session_field(".customer_creation"),
        refused=post(SESSIONS, PAYMENT, CUSTOMER, "customer_creation=always"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, "customer_creation=always"),
        result=shows(customer_creation="always"),
    ),
    Rule(
        id="customer.update.needs-customer",
        says="`customer_update` is only allowed with `customer`.",
        source=session_field(".customer_update"),
        refused=post(SESSIONS, PAYMENT, "customer_update[name]=auto"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, CUSTOMER, "customer_update[name]=auto"),
    ),
    Rule(
        id="customer.update.shipping",
        says="`customer_update[shipping]` is only `auto` if a shipping address is collected.",
        source=session_field("CustomerUpdate.shipping"),
        refused=post(SESSIONS, PAYMENT, CUSTOMER, "customer_update[shipping]=auto"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, CUSTOMER, SHIPPING, "customer_update[shipping]=auto"),
    ),
    Rule(
        id="customer.tax.location",
        says="Automatic tax for a customer without a usable address needs `customer_update`.",
        source="laravel/cashier-stripe#1778",
        refused=post(SESSIONS, PAYMENT, CUSTOMER, TAX),
        answer=refusal(
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to "
            "the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' "
            "to save the address entered in Checkout to the Customer.",
            code="customer_tax_location_invalid",
        ),
        accepted=post(SESSIONS, PAYMENT, CUSTOMER, TAX, "customer_update[address]=auto"),
    ),
    Rule(
        id="customer.tax.location.subscription",
        says="The same holds for subscriptions; a customer with an address needs no `customer_update`.",
        source="TryGhost/Ghost#19882",
        refused=post(SESSIONS, SUBSCRIPTION, CUSTOMER, TAX),
        answer=refusal(code="customer_tax_location_invalid"),
        accepted=post(SESSIONS, SUBSCRIPTION, "customer=<customer_in_de>", TAX),
    ),
    Rule(
        id="customer.tax.shipping",
        says="Automatic tax with a shipping address needs `customer_update[shipping]=auto`.",
        source=TAX_GUIDE,
        refused=post(SESSIONS, PAYMENT, CUSTOMER, TAX, SHIPPING, "customer_update[address]=auto"),
        answer=refusal(),
        accepted=post(SESSIONS, PAYMENT, CUSTOMER, TAX, SHIPPING, "customer_update[shipping]=auto"),
    ),
    Rule(
        id="customer.tax-ids.name",
        says="Collecting a known customer's tax ID needs `customer_update[name]=auto`.",
        source="laravel/cashier-stripe#1585",
        refused=post(SESSIONS, PAYMENT, CUSTOMER, "tax_id_collection[enabled]=true"),
        answer=refusal("Tax ID collection requires updating business name on the customer."),
        accepted=post(SESSIONS, PAYMENT, KNOWN, "tax_id_collection[enabled]=true&customer_update[name]=auto"),
    ),
    Rule(
        id="customer.shipping",
        says="Shipping and phone of a known customer are collected without `customer_update`, unlike tax IDs.",
        source="TryGhost/Ghost#30304",
        refused=post(SESSIONS, PAYMENT, CUSTOMER, "tax_id_collection[enabled]=true&customer_update[address]=auto"),
        answer=refusal(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an "
            "existing customer, please set `customer_update[name]` to `auto`."
        ),
        accepted=post(SESSIONS, PAYMENT, CUSTOMER, SHIPPING, "phone_number_collection[enabled]=true"),
    ),
    *_EMAILS,
    Rule(
        id="customer.deleted.session",
        says="A deleted customer is unknown in the body of a new session.",
        source="redwoodjs/example-store-stripe#168",
        given=("customer_deletion",),
        refused=post(SESSIONS, PAYMENT, "customer=<deleted_customer>"),
        answer=refusal("No such customer: '<deleted_customer>'", param="customer", code="resource_missing"),
        accepted=post(SESSIONS, PAYMENT, CUSTOMER),
    ),
    Rule(
        id="customer.deleted.update",
        says="A deleted customer cannot be updated, and is retrieved as deleted.",
        source="stripe/_customer_service.py CustomerService.delete",
        given=("customer_deletion",),
        refused=post("/v1/customers/<deleted_customer>", "name=Alex"),
        answer=refusal("No such customer: '<deleted_customer>'", code="resource_missing", status=404),
        accepted=get("/v1/customers/<deleted_customer>"),
        result=shows(deleted=True),
    ),
    Rule(
        id="customer.deleted.subscriptions",
        says="Deleting a customer cancels the customer's subscriptions at once.",
        source="stripe/_customer_service.py CustomerService.delete",
        given=("subscription_payment", "subscription", "subscribing_customer_deletion"),
        refused=post("/v1/subscriptions/<subscription>", "cancel_at_period_end=true"),
        answer=refusal(),
        accepted=get("/v1/subscriptions/<subscription>"),
        result=shows(status="canceled"),
    ),
    Rule(
        id="customer.name.length",
        says="A customer's name has at most 256 characters.",
        source="OpenAPI POST /v1/customers name",
        refused=post("/v1/customers", f"name={'x' * 257}"),
        answer=refusal(param="name"),
        accepted=post("/v1/customers", f"name={'x' * 256}"),
    ),
    Rule(
        id="customer.phone.length",
        says="A customer's phone number has at most 20 characters.",
        source="OpenAPI POST /v1/customers phone",
        refused=post("/v1/customers", f"phone={'1' * 21}"),
        answer=refusal(param="phone"),
        accepted=post("/v1/customers", f"phone={'1' * 20}"),
    ),
    Rule(
        id="customer.tax-id.form",
        says="A tax ID has the form of its type.",
        source="https://docs.stripe.com/error-codes#tax-id-invalid",
        refused=post("/v1/customers/<customer>/tax_ids", "type=eu_vat&value=1"),
        answer=refusal(param="value", code="tax_id_invalid"),
        accepted=post("/v1/customers/<customer>/tax_ids", "type=eu_vat&value=DE123456789"),
        result=shows(country="DE", verification__status="pending"),
    ),
    Rule(
        id="customer.default-payment-method",
        says="The payment method of a customer's invoices is one of the customer's.",
        source="getlago/lago-api#3826",
        refused=post("/v1/customers/<other_customer>", "invoice_settings[default_payment_method]=<saved_card>"),
        answer=refusal("The customer does not have a payment method with the ID <saved_card>."),
        accepted=post("/v1/customers/<customer>", "invoice_settings[default_payment_method]=<saved_card>"),
        result=shows(invoice_settings__default_payment_method="<saved_card>"),
    ),
    Rule(
        id="customer.balance.description",
        says="The description of a credit has at most 350 characters.",
        source="OpenAPI POST /v1/customers/{customer}/balance_transactions description",
        refused=post(
            "/v1/customers/<customer>/balance_transactions", f"amount=-1&currency=eur&description={'x' * 351}"
        ),
        answer=refusal(param="description"),
        accepted=post(
            "/v1/customers/<customer>/balance_transactions", f"amount=-1&currency=eur&description={'x' * 350}"
        ),
        result=shows(type="adjustment", ending_balance=-1),
    ),
    # Saved cards.
    Rule(
        id="card.detached.attach",
        says="A detached payment method cannot be attached again.",
        source="stripe/stripe-php#1221",
        given=("detached_card",),
        refused=post("/v1/payment_methods/<saved_card>/attach", CUSTOMER),
        answer=refusal(DETACHED),
        accepted=get("/v1/payment_methods/<saved_card>"),
        result=shows(customer=None),
    ),
    Rule(
        id="card.used.attach",
        says="A payment method that paid without a customer cannot be attached.",
        source="stripe/stripe-php#1221",
        refused=post("/v1/payment_methods/<used_card>/attach", CUSTOMER),
        answer=refusal(DETACHED),
        accepted=post("/v1/payment_methods/<saved_card>/attach", CUSTOMER),
    ),
    Rule(
        id="card.unattached.update",
        says="A payment method must be attached to a customer to be updated.",
        source="stripe/_payment_method_service.py PaymentMethodService.update",
        refused=post("/v1/payment_methods/<used_card>", "metadata[a]=1"),
        answer=refusal(),
        accepted=post("/v1/payment_methods/<saved_card>", "metadata[a]=1"),
        result=shows(metadata__a="1"),
    ),
    Rule(
        id="card.unattached.detach",
        says="Only an attached payment method can be detached.",
        source="stripe/_payment_method_service.py PaymentMethodService.detach",
        refused=post("/v1/payment_methods/<used_card>/detach"),
        answer=refusal(),
        accepted=post("/v1/payment_methods/<saved_card>/detach"),
        result=shows(customer=None),
    ),
    Rule(
        id="card.of-other-customer.charge",
        says="Only a customer's own saved card pays off session.",
        source="https://docs.stripe.com/payments/save-and-reuse",
        refused=post(
            "/v1/payment_intents",
            "amount=1000&currency=eur&confirm=true&off_session=true&payment_method=<saved_card>",
            "customer=<other_customer>",
        ),
        answer=refusal(),
        accepted=post(
            "/v1/payment_intents",
            "amount=1000&currency=eur&confirm=true&off_session=true&payment_method=<saved_card>",
            CUSTOMER,
        ),
        result=shows(status="succeeded"),
    ),
    Rule(
        id="customer.deletion.unknown",
        says="An unknown customer cannot be deleted.",
        source="https://docs.stripe.com/error-codes#resource-missing",
        refused=delete("/v1/customers/cus_none"),
        answer=refusal(code="resource_missing", status=404),
        accepted=delete("/v1/customers/<customer>"),
        result=shows(deleted=True),
    ),
)
