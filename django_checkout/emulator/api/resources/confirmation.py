"""What the confirmation of a PaymentIntent and of a SetupIntent have in common: the payment method and 3-D Secure."""

from __future__ import annotations

from dataclasses import dataclass

from django_checkout.emulator.api.document import parameters_of
from django_checkout.emulator.api.params import defer
from django_checkout.emulator.api.resources import attempts, method_options, methods
from django_checkout.emulator.api.resources.pricing import one_of
from django_checkout.emulator.api.resources.session_object import check_methods, delayed_methods, is_offered
from django_checkout.emulator.messages import ApiError, Doc, not_implemented
from django_checkout.emulator.reference.cards import PLAYED_TYPES
from django_checkout.emulator.state.state import State

#: The debit that a SetupIntent saves.
SETUP_DEBIT = "sepa_debit"
#: The parameters of a confirmation. When an intent is created, they need ``confirm``:
#: https://docs.stripe.com/api/payment_intents/create
ONLY_WITH_CONFIRM = ("error_on_requires_action", "mandate_data", "off_session", "return_url")

#: One of these says what happens if the customer must be redirected.
REDIRECTING = ("off_session", "return_url", "use_stripe_sdk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How Stripe's messages name a type of intent."""

    object: str
    name: str


PAYMENT = Kind(object="payment_intent", name="PaymentIntent")
SETUP = Kind(object="setup_intent", name="SetupIntent")
KINDS = {kind.object: kind for kind in (PAYMENT, SETUP)}


def refuse_of_session(intent: Doc, what: str) -> None:
    """Raise the emulator's own error for what it does not play with the intents of sessions."""
    if intent.get("_session"):
        raise not_implemented(f"{what} of an intent that a Checkout Session has created")


def check_only_with_confirm(params: Doc, kind: Kind) -> None:
    """Raise Stripe's error for parameters that an intent takes only if it is confirmed at once."""
    for name in ONLY_WITH_CONFIRM:
        if name in params and not params.get("confirm"):
            raise ApiError(
                f"The parameter `{name}` cannot be passed when creating a {kind.name} unless `confirm` is set to true.",
                param=name,
            )


def method_types(params: Doc, currency: str | None) -> tuple[Doc | None, list[str]]:
    """Return ``automatic_payment_methods`` and the types of a new intent.

    The account's methods are the default: https://docs.stripe.com/upgrades#2023-08-16. ``currency`` is None for a
    SetupIntent.
    """
    automatic, listed = params.get("automatic_payment_methods"), params.get("payment_method_types")
    if listed is not None and automatic and automatic["enabled"]:
        raise one_of("automatic_payment_methods", "payment_method_types")
    if listed is not None:
        check_methods(listed := _checked_types(listed, currency), currency)
        method_options.check_mode(listed, "payment" if currency else "setup")
        return None, listed
    if automatic and not automatic["enabled"]:
        return None, ["card"]
    automatic = {"allow_redirects": "always", "enabled": True, **(automatic or {})}
    names = delayed_methods(params, currency, params.get("customer")) if currency else []
    if currency is None and "allowed_payment_method_types" in params:
        names = [SETUP_DEBIT]
    types = [name for name in ("card", *names) if is_offered(params, name)]
    if not types:
        raise ApiError("No valid payment method types for this intent.", param="allowed_payment_method_types")
    return automatic, types


def _checked_types(listed: list[str], currency: str | None) -> list[str]:
    known = parameters_of("POST /v1/checkout/sessions").find("payment_method_types").kind.split()
    for name in listed:
        if name not in known:
            raise ApiError(
                f'The payment method type "{name}" is invalid. Please ensure the provided type is activated in your '
                "dashboard (https://dashboard.stripe.com/account/payments/settings).",
                code="payment_intent_invalid_parameter" if currency else None,
                param="payment_method_types",
            )
        if name not in PLAYED_TYPES:
            raise not_implemented(f"the value {name} of payment_method_types", "payment_method_types")
    return list(listed)


def sent_method(state: State, params: Doc) -> Doc | None:
    """Return the payment method that a request sends or describes, or None."""
    if "payment_method" in params and "payment_method_data" in params:
        raise one_of("payment_method", "payment_method_data")
    if "payment_method_data" in params:
        return methods.described(state, params["payment_method_data"], "payment_method_data")
    return methods.get_method(state, params["payment_method"]) if params.get("payment_method") else None


def check_usable(intent: Doc, method: Doc) -> None:
    """Raise Stripe's error if a payment method cannot be used with an intent."""
    kind, owner = KINDS[intent["object"]], method["customer"]
    if owner and owner != intent["customer"]:
        # https://docs.stripe.com/api/payment_intents/create#create_payment_intent-payment_method
        message = (
            f"The PaymentMethod {method['id']} does not belong to the Customer you supplied {intent['customer']}. "
            "Please use this PaymentMethod with the Customer that it belongs to instead."
        )
        if not intent["customer"]:
            # ezet/stripe-sdk#49
            message = (
                f"The `payment_method` parameter supplied {method['id']} belongs to the Customer {owner}. Please "
                f"include the Customer in the `customer` parameter on the {kind.name}."
            )
        raise ApiError(message, param="payment_method")
    if method.get("_used") and not owner:
        # liberapay/liberapay.com#2686
        raise ApiError(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared "
            "with a connected account without Customer attachment, or was detached from a Customer. It may not be used "
            "again. To use a PaymentMethod multiple times, you must attach it to a Customer first."
        )
    if method["type"] not in intent["payment_method_types"]:
        # stripe/stripe-terminal-react-native#745
        raise ApiError(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this {kind.name}. Please attach a "
            f"PaymentMethod of one of the following types: {', '.join(intent['payment_method_types'])}. Alternatively, "
            f'update the allowed payment_method_types for this {kind.name} to include "{method["type"]}"',
            param="payment_method",
        )


def check_return_url(intent: Doc, params: Doc) -> None:
    """Raise Stripe's error if redirects may be needed and the shop does not say where they lead.

    aschmelyun/laravel-vue-stripe-cashier#4, opencollective/opencollective-frontend#12346
    """
    # They make no difference to a payment that succeeds at once.
    defer(params, "error_on_requires_action", *REDIRECTING)
    if "://" not in params.get("return_url", "://"):
        raise ApiError("Not a valid URL", code="url_invalid", param="return_url")
    automatic = intent["automatic_payment_methods"]
    can_redirect = automatic and automatic["enabled"] and automatic["allow_redirects"] == "always"
    if can_redirect and not any(params.get(name) for name in REDIRECTING):
        name = "Payment Intent" if intent["object"] == PAYMENT.object else "Setup Intent"
        raise ApiError(
            f"A `return_url` must be specified because this {name} is configured to automatically accept the payment "
            "methods enabled in the Dashboard, some of which may require a full page redirect to succeed. If you do "
            "not want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
        )


def ask_for_authentication(state: State, intent: Doc, params: Doc, base_url: str) -> Doc:
    """Ask the customer for 3-D Secure, by the page at the address in ``next_action``. Return the intent.

    Without a ``return_url`` the action is for Stripe.js: stripe/stripe-ios#1198.
    """
    return_url = params.get("return_url")
    by_sdk = bool(params.get("use_stripe_sdk")) or not return_url
    intent["_return_url"] = return_url
    name = f"{intent['object']}_client_secret"
    url = f"{base_url}/pay/{intent['id']}/authenticate?{name}={intent['client_secret']}"
    attempts.challenge(state, intent, url, return_url, by_sdk=by_sdk)
    return intent
