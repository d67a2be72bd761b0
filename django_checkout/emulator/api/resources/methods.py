"""PaymentMethods: created, attached to customers, detached."""

from __future__ import annotations

from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_objects, merged_metadata, retrieve
from django_checkout.emulator.api.resources import attempts, charges, tokens
from django_checkout.emulator.api.resources.pricing import inside, missing
from django_checkout.emulator.messages import ApiError, Doc, not_implemented
from django_checkout.emulator.reference import cards
from django_checkout.emulator.reference.action_methods import ACTION_METHODS, ActionPayment, is_tax_id
from django_checkout.emulator.state.state import State

KIND = "payment_method"
#: Types of payment methods that are not created over the API. Checkout offers more.
NOT_PLAYED = (
    "acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact billie bizum blik "
    "cashapp crypto custom eps fpx giropay grabpay ideal interac_present kakao_pay klarna kr_card link mb_way "
    "mobilepay naver_pay nz_bank_account p24 pay_by_bank payco paypal payto revolut_pay samsung_pay satispay scalapay "
    "sofort sunbit swish twint upi us_bank_account wechat_pay zip"
)
ACTION_TYPES = " ".join(ACTION_METHODS)

#: What ``payment_method_data`` describes.
DESCRIBED = {
    "payment_method_data": f"allow_redisplay billing_details metadata sepa_debit type {ACTION_TYPES}",
    "payment_method_data.type": f"sepa_debit {ACTION_TYPES}",
}


def attach_to_customer(state: State, method: Doc, customer: str, *, always: bool = False) -> None:
    """Attach a payment method to a customer. ``always`` offers it again at later sessions."""
    method["allow_redisplay"] = "always" if always else "limited"
    method["customer"] = customer
    state.store.save(method)
    state.emit("payment_method.attached", method)


def saved(state: State, session: Doc) -> list[Doc]:
    """Return the saved cards that a session offers, newest first."""
    options = session["saved_payment_method_options"]
    if not session["customer"] or not options or session["mode"] == "setup":
        return []
    where = {"customer": session["customer"], "type": "card", "allow_redisplay": options["allow_redisplay_filters"]}
    return state.store.select(KIND, where)


def get_method(state: State, object_id: str, param: str = "payment_method", *, status: int = 400) -> Doc:
    """Return a PaymentMethod. An id of the testing page, such as ``pm_card_visa``, makes a new one."""
    if not object_id.startswith("pm_card_"):
        return state.get(KIND, object_id, param, status=status)
    card = cards.NAMED.get(object_id.removeprefix("pm_card_"))
    if card is None:
        raise not_implemented(f"the test PaymentMethod {object_id}", param, is_known=False)
    return _unused(state, charges.new_method(state, card, "card", charges.blank_billing()))


def own_method(state: State, customer: str, method_id: str, param: str = "default_payment_method") -> str:
    """Return the id of a payment method of the customer, or raise Stripe's error. One of the testing page is new."""
    method = get_method(state, method_id, param)
    if method["customer"] != customer:
        # getlago/lago-api#3826
        raise ApiError(
            f"The customer does not have a payment method with the ID {method['id']}. The payment method must be "
            "attached to the customer.",
            param=param,
        )
    return method_id


def described(state: State, params: Doc, param: str = "") -> Doc:
    """Create a PaymentMethod from its parameters."""
    billing = _billing(charges.blank_billing(), params.get("billing_details", {}))
    if params["type"] == "card":
        if "card" not in params:
            raise missing(inside(param, "card"))
        card, expiry = tokens.read_card(state, params["card"], inside(param, "card"))
        method = charges.new_method(state, card, "card", billing)
        method["card"].update(expiry)
    elif params["type"] in ACTION_METHODS:
        method = charges.new_action_method(state, _action_payment(params, billing, param), billing)
    else:
        if "sepa_debit" not in params:
            raise missing(inside(param, "sepa_debit"))
        account = cards.find_bank_account(params["sepa_debit"]["iban"])
        if account is None:
            raise not_implemented("an IBAN that its payment page does not show", inside(param, "sepa_debit[iban]"))
        method = charges.new_method(state, account, "sepa_debit", billing)
    method["metadata"] = merged_metadata({}, params.get("metadata", {}))
    return _unused(state, method, params.get("allow_redisplay", "unspecified"))


def _action_payment(params: Doc, billing: Doc, param: str) -> ActionPayment:
    """Return what describes a voucher, a QR code or a bank transfer. A boleto needs the shopper's CPF or CNPJ."""
    kind, tax_id = params["type"], billing["tax_id"] or ""
    sent = params.get(kind, {})
    if kind == "boleto":
        if "tax_id" not in sent:
            raise missing(inside(param, "boleto[tax_id]"))
        tax_id = sent["tax_id"]
    if tax_id and not is_tax_id(tax_id):
        where = "boleto[tax_id]" if kind == "boleto" else "billing_details[tax_id]"
        raise ApiError("The tax ID is not a CPF or CNPJ.", code="tax_id_invalid", param=inside(param, where))
    return ActionPayment(method=ACTION_METHODS[kind], tax_id=tax_id)


def _billing(current: Doc, sent: Doc) -> Doc:
    """Return ``billing_details`` after a change. "" unsets a field."""
    changed = {**current, **{name: value or None for name, value in sent.items()}}
    if "address" in sent:
        address = sent["address"] or dict.fromkeys(charges.ADDRESS)
        changed["address"] = {**current["address"], **address}
    return changed


def _unused(state: State, method: Doc, allow_redisplay: str = "unspecified") -> Doc:
    return state.update(method, allow_redisplay=allow_redisplay)


def create(call: Call) -> Doc:
    """POST /v1/payment_methods."""
    if "type" not in call.params:
        raise missing("type")
    return described(call.state, call.params)


def list_methods(call: Call) -> Doc:
    """GET /v1/payment_methods, of a customer only."""
    if "customer" not in call.params:
        return list_objects(call, KIND, ("type",), {"customer": []})
    call.state.get("customer", call.params["customer"], "customer")
    return list_objects(call, KIND, ("allow_redisplay", "customer", "type"))


def list_of_customer(call: Call) -> Doc:
    """GET /v1/customers/:customer/payment_methods."""
    customer = call.state.get("customer", call.ids["customer"], "customer", status=404)
    return list_objects(call, KIND, ("allow_redisplay", "type"), {"customer": customer["id"]})


def update(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method."""
    method = call.target(KIND)
    if not method["customer"]:
        raise ApiError(
            "You must save this PaymentMethod to a customer before you can update it.", param="payment_method"
        )
    changes = call.changes(method, "allow_redisplay")
    if "card" in call.params:
        changes["card"] = {**method["card"], **tokens.checked_expiry(call.state, call.params["card"], "card")}
    if "billing_details" in call.params:
        changes["billing_details"] = _billing(method["billing_details"], call.params["billing_details"])
    return call.state.update(method, "payment_method.updated", **changes)


def attach(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method/attach."""
    state = call.state
    method = get_method(state, call.ids["payment_method"], status=404)
    if "customer" not in call.params:
        raise missing("customer")
    customer = state.get("customer", call.params["customer"], "customer")
    check_attachable(method, customer["id"])
    if not method["customer"]:
        attach_to_customer(state, method, customer["id"])
    return method


def check_attachable(method: Doc, customer: str = "") -> None:
    """Raise Stripe's error for a payment method that cannot be attached to a customer, by default a new one."""
    if method["customer"] and method["customer"] != customer:
        raise ApiError("The payment method you provided has already been attached to a customer.")
    if method.get("_used") and not method["customer"]:
        # stripe/stripe-php#1221
        raise ApiError(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, and may not be used again."
        )
    card = cards.find_card(method["_number"])
    if card and card.decline and card.risk != "highest":
        # The cards that are declined cannot be attached: https://docs.stripe.com/testing#declined-payments
        raise attempts.declined_error(card.decline, method)


def detach(call: Call) -> Doc:
    """POST /v1/payment_methods/:payment_method/detach."""
    method = call.target(KIND)
    if not method["customer"]:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise ApiError(message, param="payment_method")
    customer = call.state.get("customer", method["customer"])
    if customer["default_source"] == method["id"]:
        call.state.update(customer, "customer.updated", default_source=None)
    return call.state.update(method, "payment_method.detached", customer=None, _used=True)


EXPANDABLE = {
    "payment_method": ("customer",),
}
ROUTES = {
    "GET /v1/customers/{customer}/payment_methods": Route(list_of_customer),
    "GET /v1/payment_methods": Route(list_methods, "customer_account"),
    "GET /v1/payment_methods/{payment_method}": Route(partial(retrieve, "payment_method")),
    "POST /v1/payment_methods": Route(
        create,
        NOT_PLAYED + " customer payment_method radar_options card.networks",
        {"type": f"card sepa_debit {ACTION_TYPES}"},
    ),
    "POST /v1/payment_methods/{payment_method}": Route(update, "card.networks payto us_bank_account"),
    "POST /v1/payment_methods/{payment_method}/attach": Route(attach, "customer_account"),
    "POST /v1/payment_methods/{payment_method}/detach": Route(detach),
}
