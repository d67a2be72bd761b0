"""Reads what a shopper has to do outside of the payment page from a PaymentIntent's ``next_action``: pure.

Vouchers, bank transfers and QR codes; not what happens on the payment page, such as 3-D Secure.
https://docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action
"""

from __future__ import annotations

from collections.abc import Iterator

from django_checkout.exceptions import IncompleteFactError
from django_checkout.stripe_api.json_fields import Json, instant, integer, mapping, mappings, object_id, text
from django_checkout.values import ActionDetail, ActionFact

#: Methods that complete a session before the shopper has paid; a QR code keeps it open.
COMPLETING_METHODS = frozenset(("boleto", "customer_balance", "konbini", "multibanco", "oxxo"))
#: Kinds whose type in ``next_action`` does not begin with the payment method's.
_KINDS = {"display_bank_transfer_instructions": "customer_balance"}
_ENDINGS = ("_display_details", "_display_qr_code", "_handle_redirect_or_display_qr_code")
#: They belong to the payment page, or to an app.
_ON_PAGE = frozenset(
    (
        "alipay_handle_redirect",
        "blik_authorize",
        "card_await_notification",
        "redirect_to_url",
        "use_stripe_sdk",
        "wechat_pay_redirect_to_android_app",
        "wechat_pay_redirect_to_ios_app",
    )
)
_URLS = ("hosted_voucher_url", "hosted_instructions_url", "hosted_verification_url")
#: The texts to copy, by their keys at Stripe: of the action itself, and of an account to transfer to.
_CODES = ("number", "entity", "reference")
_ACCOUNT = (
    *("account_holder_name", "iban", "bic", "bank_name", "bank_code", "branch_name", "branch_code"),
    *("account_type", "account_number", "routing_number", "swift_code", "sort_code", "clabe"),
)
_STORE = ("payment_code", "confirmation_number")


def is_elsewhere(stripe_object: Json) -> bool:
    """Return whether a PaymentIntent waits for a step outside of the payment page, or such a step has ended.

    An object without content may.
    """
    if "status" not in stripe_object:
        return True
    kind = text(mapping(stripe_object, "next_action"), "type")
    return (kind is not None and kind not in _ON_PAGE) or find_ended(stripe_object) is not None


def find_action(intent: Json) -> ActionFact | None:
    """Return what a PaymentIntent waits for; None for nothing, for a step on the payment page, or for an unknown one.

    Raises:
        IncompleteFactError: the payload was stored without the description of a step that has one.
    """
    action = mapping(intent, "next_action")
    kind = text(action, "type")
    if kind is None or kind in _ON_PAGE or intent.get("status") != "requires_action":
        return None
    described = mapping(action, kind)
    if not described:
        # A retrieved object has the key, even if Stripe has nothing to say about the step.
        if kind not in action and (kind in _KINDS or kind.endswith(_ENDINGS)):
            raise IncompleteFactError("The PaymentIntent does not describe its next action.")
        return None
    url = next(filter(None, (_link(described, name) for name in _URLS)), "")
    image = _link(described, "image_url_svg") or _link(mapping(described, "qr_code"), "image_url_svg")
    amount, remaining = integer(intent, "amount"), integer(described, "amount_remaining")
    ends_at = instant(described, "expires_at") or instant(described, "expires_after")
    return ActionFact(
        # Each attempt has a payment method of its own.
        attempt=object_id(intent, "payment_method") or url,
        kind=next((kind.removesuffix(end) for end in _ENDINGS if kind.endswith(end)), _KINDS.get(kind, kind)),
        url=url,
        image_url=image or "",
        amount_minor=(amount or 0) if remaining is None else remaining,
        received_minor=max(0, (amount or 0) - remaining) if remaining is not None else 0,
        currency=text(described, "currency") or text(intent, "currency") or "",
        expires_at=ends_at or instant(mapping(described, "qr_code"), "expires_at"),
        is_on_page=kind.endswith("_qr_code"),
        details=tuple(_details(described)),
    )


def find_ended(intent: Json) -> str | None:
    """Return the attempt that no longer waits for the shopper, by the id of its payment method; None if none ended.

    It has failed, which is not told of a card, or it is being processed: the time to pay has passed, or it was paid.
    """
    if intent.get("status") == "processing":
        return object_id(intent, "payment_method")
    if intent.get("status") != "requires_payment_method":
        return None
    method = mapping(mapping(intent, "last_payment_error"), "payment_method")
    return object_id(method, "id") if text(method, "type") not in (None, "card") else None


def may_wait(session: Json) -> bool:
    """Return whether a session that is complete and unpaid may have a voucher or await a transfer."""
    offered = session.get("payment_method_types")
    return not isinstance(offered, list) or not offered or not COMPLETING_METHODS.isdisjoint(offered)


def _details(described: Json) -> Iterator[ActionDetail]:
    for name in _CODES:
        if value := text(described, name):
            yield ActionDetail(name=name, value=value)
    for store in sorted(mapping(described, "stores")):
        yield from _named(mapping(mapping(described, "stores"), store), _STORE, store)
    for address in mappings(described, "financial_addresses"):
        kind = text(address, "type") or ""
        yield from _named(mapping(address, kind), _ACCOUNT, kind)


def _named(described: Json, names: tuple[str, ...], group: str) -> Iterator[ActionDetail]:
    for name in names:
        if value := text(described, name):
            yield ActionDetail(name=name, value=value, group=group)


def _link(described: Json, name: str) -> str | None:
    url = text(described, name)
    return url if url is not None and url.startswith(("https://", "http://")) else None
