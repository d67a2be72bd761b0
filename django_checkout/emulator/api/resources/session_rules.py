"""Stripe's rules for the parameters of a new session, mostly as tables.

The rules for modes and UI modes are from https://docs.stripe.com/api/checkout/sessions/create.
Messages known from a public report are Stripe's own; the comment names the report.
"""

from __future__ import annotations

from django_checkout.emulator.api.formats import check_url
from django_checkout.emulator.api.params import plain
from django_checkout.emulator.api.resources import method_options
from django_checkout.emulator.api.resources.pricing import missing, one_of
from django_checkout.emulator.api.resources.session_values import check_values
from django_checkout.emulator.messages import ApiError, Doc
from django_checkout.emulator.state.clock import Clock

HOSTED, EMBEDDED, ELEMENTS = "hosted_page", "embedded_page", "elements"

#: The UI modes that refuse a parameter.
REFUSED_UI_MODES = {
    "success_url": (EMBEDDED, ELEMENTS),
    "cancel_url": (EMBEDDED, ELEMENTS),
    "return_url": (HOSTED,),
    "redirect_on_completion": (HOSTED, ELEMENTS),
    "after_expiration": (ELEMENTS,),
    "branding_settings": (ELEMENTS,),
    "origin_context": (ELEMENTS,),
    "submit_type": (ELEMENTS,),
    "custom_fields": (ELEMENTS,),
    "custom_text": (ELEMENTS,),
    "tax_id_collection.required": (ELEMENTS,),
    "optional_items": (ELEMENTS,),
    "permissions": (HOSTED,),
    "permissions.update_shipping_details": (HOSTED, EMBEDDED),
}
#: The modes that accept a parameter. Parameters not listed are accepted in all modes.
TAKEN_MODES = {
    # invertase/stripe-firebase-extensions#700
    "line_items": ("payment", "subscription"),
    "payment_intent_data": ("payment",),
    "subscription_data": ("subscription",),
    "setup_intent_data": ("setup",),
    "customer_creation": ("payment", "setup"),
    "payment_method_collection": ("subscription",),
    "phone_number_collection": ("payment", "subscription"),
    "submit_type": ("payment", "subscription"),
    "saved_payment_method_options": ("payment", "subscription"),
    "optional_items": ("payment", "subscription"),
    # https://docs.stripe.com/payments/checkout/custom-shipping-options: no shipping rates in subscription mode
    "shipping_options": ("payment",),
    "discounts": ("payment", "subscription"),
    # invertase/stripe-firebase-extensions#519
    "allow_promotion_codes": ("payment", "subscription"),
}
EXCLUSIVE = (
    ("customer", "customer_email"),
    ("customer", "customer_creation"),
    # stripe/stripe-node#2248
    ("allow_promotion_codes", "discounts"),
)
NEEDS = {"customer_update": "customer"}

#: Azuriom/Plugin-Shop#273
INVOICES = (
    "You can only enable invoice creation when `mode` is set to `payment`. Invoices are created automatically when "
    "`mode` is set to `subscription`, and are unsupported when set to `setup`. To learn more visit "
    "https://stripe.com/docs/payments/checkout/post-payment-invoices."
)
#: laravel/cashier-stripe#1581
TAX_IN_SETUP = "You cannot set `automatic_tax[enabled]=true` in `setup` mode."
#: laravel/cashier-stripe#1778, TryGhost/Ghost#19882; the code is raystack/frontier#565's
TAX_LOCATION = (
    "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the "
    "Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' to save the "
    "address entered in Checkout to the Customer."
)
#: https://docs.stripe.com/tax/checkout, and public reports of the response
TAX_SHIPPING = (
    "Automatic tax calculation uses fields saved on the Customer. To collect a shipping address with `automatic_tax` "
    "enabled, set `customer_update[shipping]` to 'auto'."
)
#: laravel/cashier-stripe#1585, https://docs.stripe.com/tax/checkout/tax-ids
TAX_ID_NAME = (
    "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an existing "
    "customer, please set `customer_update[name]` to `auto`."
)
#: NativePHP/nativephp.com#408
TAX_ID_ADDRESS = (
    "We could not find a valid address on the provided customer. To enable tax ID collection, please set "
    "`customer_update[address]` to `auto`."
)
#: Sylius/PayumStripe#14
APPLICATION_FEE = (
    "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct payment (using an OAuth "
    "key or Stripe-Account header) or destination payment (using `transfer_data[destination]`)."
)
#: https://docs.stripe.com/payments/checkout/save-during-payment
SAVED_WITHOUT_CUSTOMER = (
    "`saved_payment_method_options[payment_method_save]` can only be `enabled` with a `customer`, or if "
    "`customer_creation` is `always`."
)
MAXIMUM_ITEMS = {"discounts": 1, "shipping_options": 5, "custom_fields": 3, "optional_items": 10}
URLS = ("success_url", "cancel_url", "return_url")

#: Countries whose tax depends on the postal code.
NEEDS_POSTAL_CODE = ("CA", "US")

MIN_LIFE_SECONDS = 30 * 60
MAX_LIFE_SECONDS = 24 * 3600


def check_urls(params: Doc) -> None:
    """Raise Stripe's error for a URL that is not http or https."""
    for name in URLS:
        if name in params:
            check_url(params[name], name)


def check_session(params: Doc) -> None:
    """Raise Stripe's error for the first broken rule."""
    mode, ui_mode = params.get("mode"), params.get("ui_mode", HOSTED)
    if mode is None:
        raise missing("mode")
    _check_tables(params, mode, ui_mode)
    if ui_mode == HOSTED and "success_url" not in params:
        raise missing("success_url")
    if ui_mode == EMBEDDED:
        _check_return(params)
    if mode != "setup" and not params.get("line_items"):
        raise missing("line_items")
    if mode == "setup" and not params.keys() & {"currency", "payment_method_types", "allowed_payment_method_types"}:
        raise missing("currency")
    check_urls(params)
    if params.get("automatic_tax", {}).get("enabled") and mode == "setup":
        raise ApiError(TAX_IN_SETUP, param="automatic_tax[enabled]")
    if params.get("invoice_creation", {}).get("enabled") and mode != "payment":
        raise ApiError(INVOICES, param="invoice_creation[enabled]")
    _check_update(params)
    _check_payment(plain(params), mode)
    check_values(plain(params))
    method_options.check(plain(params))


def check_customer(params: Doc, customer: Doc) -> None:
    """Raise Stripe's error if the session must save data on its Customer and ``customer_update`` does not allow it."""
    update = params.get("customer_update", {})
    if params.get("automatic_tax", {}).get("enabled"):
        ships = "shipping_address_collection" in params
        if ships and update.get("shipping") != "auto":
            raise ApiError(TAX_SHIPPING, param="customer_update[shipping]")
        may_save = "auto" in (update.get("address"), update.get("shipping"))
        if not (may_save or _has_location(customer.get("shipping")) or _has_location(customer)):
            raise ApiError(TAX_LOCATION, code="customer_tax_location_invalid")
    if params.get("tax_id_collection", {}).get("enabled"):
        if update.get("name") != "auto":
            raise ApiError(TAX_ID_NAME, param="customer_update[name]")
        if update.get("address") != "auto" and not _has_location(customer):
            raise ApiError(TAX_ID_ADDRESS, param="customer_update[address]")


def check_open(session: Doc) -> None:
    """Raise ``ApiError`` unless the session is open."""
    if session["status"] != "open":
        raise ApiError(f"This Checkout Session is {session['status']}.")


def life_seconds(params: Doc, clock: Clock) -> int:
    """Return how long a new session stays open.

    The client's clock does not move with the emulator's, so ``expires_at`` may be valid by either clock.
    """
    if "expires_at" not in params:
        return MAX_LIFE_SECONDS
    life: int = params["expires_at"] - clock.now()
    if clock.offset_seconds and not MIN_LIFE_SECONDS <= life <= MAX_LIFE_SECONDS:
        life += clock.offset_seconds
    if life < MIN_LIFE_SECONDS:
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise ApiError(message, param="expires_at")
    if life > MAX_LIFE_SECONDS:
        message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise ApiError(message, param="expires_at")
    return life


def _check_tables(params: Doc, mode: str, ui_mode: str) -> None:
    refused = sorted(path for path, ui_modes in REFUSED_UI_MODES.items() if ui_mode in ui_modes and _has(params, path))
    if refused:
        # laravel/cashier-stripe#1815
        names = ", ".join(map(_bracketed, refused))
        message = f"The following parameters are not supported with `ui_mode: {ui_mode}`: {names}."
        raise ApiError(message, param=_bracketed(refused[0]))
    for name, modes in TAKEN_MODES.items():
        if name in params and mode not in modes:
            raise ApiError(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    for first, second in EXCLUSIVE:
        if first in params and second in params:
            raise one_of(first, second)
    for name, needed in NEEDS.items():
        if name in params and needed not in params:
            raise ApiError(f"`{name}` can only be used with `{needed}`.", param=name)
    check_counts(params)


def check_counts(params: Doc) -> None:
    """Raise Stripe's error for a list that is too long."""
    for name, limit in MAXIMUM_ITEMS.items():
        if len(params.get(name, ())) > limit:
            raise ApiError(f"Array {name} exceeded maximum {limit} allowed elements.", param=name)


def _check_update(params: Doc) -> None:
    saves = params.get("customer_update", {}).get("shipping") == "auto"
    if saves and "shipping_address_collection" not in params:
        message = "`customer_update[shipping]` can only be `auto` when `shipping_address_collection` is set."
        raise ApiError(message, param="customer_update[shipping]")


def _check_payment(params: Doc, mode: str) -> None:
    """Raise Stripe's error for a fee without a connected account, and for a method that is saved to no Customer."""
    if "application_fee_amount" in params.get("payment_intent_data", {}):
        raise ApiError(APPLICATION_FEE, param="payment_intent_data[application_fee_amount]")
    if "application_fee_percent" in params.get("subscription_data", {}):
        message = "To use `application_fee_percent`, the request must be made on behalf of another account."
        raise ApiError(message, param="subscription_data[application_fee_percent]")
    saves = params.get("saved_payment_method_options", {}).get("payment_method_save") == "enabled"
    if saves and mode == "payment" and "customer" not in params and params.get("customer_creation") != "always":
        raise ApiError(SAVED_WITHOUT_CUSTOMER, param="saved_payment_method_options[payment_method_save]")


def _has_location(holder: Doc | None) -> bool:
    address = (holder or {}).get("address") or {}
    return bool(address.get("country") and (address["country"] not in NEEDS_POSTAL_CODE or address.get("postal_code")))


def _check_return(params: Doc) -> None:
    # https://docs.stripe.com/payments/checkout/custom-success-page?payment-ui=embedded-form
    never = params.get("redirect_on_completion") == "never"
    if never and "return_url" in params:
        raise ApiError("You can not pass `return_url` when `redirect_on_completion` is `never`.", param="return_url")
    if not never and "return_url" not in params:
        raise missing("return_url")


def _has(params: Doc, path: str) -> bool:
    node: object = params
    for step in path.split("."):
        if not isinstance(node, dict) or step not in node:
            return False
        node = node[step]
    return True


def _bracketed(path: str) -> str:
    first, *rest = path.split(".")
    return first + "".join(f"[{step}]" for step in rest)
