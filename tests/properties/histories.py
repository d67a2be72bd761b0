"""Named histories of one order: what the shopper, the shop and the bank did. Each has a few events.

A history is played once with its events delivered at once, because actions of the shop (capture, another start) need
current rows. Then the rows are reset and the events are posted again in every order.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from django_checkout import services
from django_checkout.exceptions import OrderNotPayableError
from django_checkout.stripe_api.client import get_client
from tests.properties.shop import Shop

DECLINED = "4000000000000002"
IBAN_FAILS = "AT861904300235473202"
IBAN_SUCCEEDS = "AT611904300234573201"
NOBODY_PAYS = "fill_never@example.com"
EXPIRES_AFTER_SECONDS = 40 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened, and the status of the order afterwards in every order of arrival; "" allows several."""

    play: Callable[[Shop], None]
    #: Event types whose objects name only the charge, as old ones do.
    charge_only: tuple[str, ...] = ()
    price_minor: int = 2000
    ends: str = "paid"


def _pay(shop: Shop, **options: str) -> str:
    session = shop.start()
    shop.emulator.pay(session, **options)
    shop.deliver()
    return session


def card_paid(shop: Shop) -> None:
    _pay(shop)


def declined_then_paid(shop: Shop) -> None:
    session = shop.start()
    shop.emulator.pay(session, DECLINED)
    shop.emulator.pay(session)
    shop.deliver()


def free_order(shop: Shop) -> None:
    _pay(shop)


def delayed_success(shop: Shop) -> None:
    session = _pay(shop, iban=IBAN_SUCCEEDS)
    shop.emulator.settle(session)
    shop.deliver()


def delayed_in_progress(shop: Shop) -> None:
    _pay(shop, iban=IBAN_SUCCEEDS)


def delayed_failure(shop: Shop) -> None:
    session = _pay(shop, iban=IBAN_FAILS)
    shop.emulator.settle(session, succeed=False)
    shop.deliver()


def delayed_failure_then_paid(shop: Shop) -> None:
    delayed_failure(shop)
    _pay(shop)


def expired(shop: Shop) -> None:
    shop.start()
    shop.emulator.clock.advance(EXPIRES_AFTER_SECONDS)
    shop.deliver()


def declined_then_expired(shop: Shop) -> None:
    session = shop.start()
    shop.emulator.pay(session, DECLINED)
    shop.emulator.clock.advance(EXPIRES_AFTER_SECONDS)
    shop.deliver()


def expired_then_paid(shop: Shop) -> None:
    expired(shop)
    _pay(shop)


def recovered_and_paid(shop: Shop) -> None:
    session = shop.start(params={"after_expiration": {"recovery": {"enabled": True}}})
    shop.emulator.clock.advance(EXPIRES_AFTER_SECONDS)
    copy = shop.emulator.recover(session)["id"]
    shop.emulator.pay(copy)
    shop.deliver()


def authorized(shop: Shop) -> None:
    with shop.manual_capture():
        _pay(shop)


def captured_in_full(shop: Shop) -> None:
    authorized(shop)
    services.capture(shop.host_order)
    shop.deliver()


def captured_in_part(shop: Shop) -> None:
    authorized(shop)
    services.capture(shop.host_order, 1200)
    shop.deliver()


def voided(shop: Shop) -> None:
    authorized(shop)
    shop.emulator.clock.advance(8 * 24 * 3600)
    shop.deliver()


def _refund(shop: Shop, session: str, amount: int | None = None) -> str:
    refund: str = shop.emulator.refund(shop.intent_of(session), amount)["id"]
    shop.deliver()
    return refund


def refunded_in_full(shop: Shop) -> None:
    _refund(shop, _pay(shop))


def refunded_in_two_parts(shop: Shop) -> None:
    session = _pay(shop)
    _refund(shop, session, 500)
    _refund(shop, session, 700)


def refund_pending_then_succeeded(shop: Shop) -> None:
    session = _pay(shop, card="4000000000007726")
    refund = _refund(shop, session)
    shop.emulator.finish_refund(refund)
    shop.deliver()


def refund_that_fails_later(shop: Shop) -> None:
    refund = _refund(shop, _pay(shop))
    shop.emulator.fail_refund(refund)
    shop.deliver()


def refund_that_fails_and_another(shop: Shop) -> None:
    session = _pay(shop)
    refund = _refund(shop, session)
    shop.emulator.fail_refund(refund)
    shop.deliver()
    _refund(shop, session)


def captured_in_part_and_refunded(shop: Shop) -> None:
    with shop.manual_capture():
        session = _pay(shop)
    services.capture(shop.host_order, 1200)
    shop.deliver()
    _refund(shop, session)


def two_sessions_paid(shop: Shop) -> None:
    first = shop.start()
    second = shop.start_second()
    shop.emulator.pay(first)
    shop.emulator.pay(second)
    shop.deliver()


def card_and_delayed_both_paid(shop: Shop) -> None:
    first = shop.start()
    second = shop.start_second()
    shop.emulator.pay(first, iban=IBAN_SUCCEEDS)
    shop.emulator.pay(second)
    shop.emulator.settle(first)
    shop.deliver()


def surplus_refunded(shop: Shop) -> None:
    first = shop.start()
    second = shop.start_second()
    shop.emulator.pay(first)
    shop.emulator.pay(second)
    shop.deliver()
    _refund(shop, second)


def dispute_open(shop: Shop) -> None:
    shop.emulator.open_dispute(shop.intent_of(_pay(shop)))
    shop.deliver()


def _dispute_closed(shop: Shop, outcome: str) -> None:
    dispute = shop.emulator.open_dispute(shop.intent_of(_pay(shop)))
    shop.emulator.close_dispute(dispute["id"], outcome)
    shop.deliver()


def review_open(shop: Shop) -> None:
    shop.emulator.open_review(shop.intent_of(_pay(shop)))
    shop.deliver()


def review_closed(shop: Shop) -> None:
    review = shop.emulator.open_review(shop.intent_of(_pay(shop)))
    shop.emulator.close_review(review["id"])
    shop.deliver()


def reviewed_and_disputed(shop: Shop) -> None:
    intent = shop.intent_of(_pay(shop))
    review = shop.emulator.open_review(intent)
    dispute = shop.emulator.open_dispute(intent)
    shop.emulator.close_review(review["id"], "disputed")
    shop.emulator.close_dispute(dispute["id"], "won")
    shop.deliver()


def surplus_voided(shop: Shop) -> None:
    with shop.manual_capture():
        second = shop.start()
    first = shop.start_second()
    shop.emulator.pay(second)
    shop.emulator.pay(first)
    shop.emulator.clock.advance(8 * 24 * 3600)
    shop.deliver()


def _wait_for(shop: Shop, method: str) -> str:
    params: dict[str, object] = {"payment_method_types": ["card", method]}
    if method == "customer_balance":
        bank = {"type": "eu_bank_transfer", "eu_bank_transfer": {"country": "NL"}}
        params["payment_method_options"] = {method: {"funding_type": "bank_transfer", "bank_transfer": bank}}
        params["customer"] = get_client().v1.customers.create({"email": NOBODY_PAYS}).id
    session = shop.start(params=params)
    shop.emulator.pay(session, method=method, email=NOBODY_PAYS)
    shop.deliver()
    return session


def awaited(shop: Shop, method: str) -> None:
    _wait_for(shop, method)


def voucher_paid(shop: Shop) -> None:
    shop.emulator.settle(_wait_for(shop, "multibanco"))
    shop.deliver()


def voucher_paid_late(shop: Shop) -> None:
    session = _wait_for(shop, "multibanco")
    # Its deadline has passed, and what was paid before may still arrive.
    shop.emulator.clock.advance(8 * 24 * 3600)
    shop.emulator.settle(session)
    shop.deliver()


def voucher_expired(shop: Shop) -> None:
    shop.emulator.settle(_wait_for(shop, "multibanco"), succeed=False)
    shop.deliver()


def voucher_expired_then_paid(shop: Shop) -> None:
    voucher_expired(shop)
    _pay(shop)


def paid_another_way(shop: Shop, method: str) -> None:
    _wait_for(shop, method)
    services.pay_another_way(shop.host_order)
    shop.deliver()
    _pay(shop)


def transfer_in_parts(shop: Shop, *amounts: int) -> None:
    session = _wait_for(shop, "customer_balance")
    for amount in amounts:
        shop.emulator.settle(session, amount=amount)
    shop.deliver()


def paid_while_canceled(shop: Shop) -> None:
    """The shopper pays at the moment at which the shop gives up the voucher: Stripe has the payment."""
    shop.emulator.settle(_wait_for(shop, "multibanco"))
    with suppress(OrderNotPayableError):
        services.pay_another_way(shop.host_order)
    shop.deliver()


HISTORIES: dict[str, History] = {
    "voucher awaited": History(play=partial(awaited, method="multibanco"), ends="pending"),
    "voucher paid": History(play=voucher_paid),
    "voucher paid late": History(play=voucher_paid_late),
    "voucher expires": History(play=voucher_expired, ends="unpaid"),
    "voucher expires, paid in a new session": History(play=voucher_expired_then_paid),
    "voucher given up, paid by card": History(play=partial(paid_another_way, method="multibanco")),
    "voucher paid while it is given up": History(play=paid_while_canceled),
    "transfer awaited": History(play=partial(awaited, method="customer_balance"), ends="pending"),
    "transfer in parts": History(play=lambda shop: transfer_in_parts(shop, 500, 700, 800)),
    "transfer in parts, not complete": History(play=lambda shop: transfer_in_parts(shop, 500, 700), ends="pending"),
    "transfer doubled": History(play=lambda shop: transfer_in_parts(shop, 2000, 2000)),
    "transfer given up, paid by card": History(play=partial(paid_another_way, method="customer_balance")),
    "card paid": History(play=card_paid),
    "declined, then paid": History(play=declined_then_paid),
    "free order": History(play=free_order, price_minor=0),
    "delayed payment succeeds": History(play=delayed_success),
    "delayed payment in progress": History(play=delayed_in_progress, ends="pending"),
    "delayed payment fails": History(play=delayed_failure, ends="unpaid"),
    "delayed payment fails, paid in a new session": History(play=delayed_failure_then_paid),
    "session expires": History(play=expired, ends="unpaid"),
    "declined, then expired": History(play=declined_then_expired, ends="unpaid"),
    "expired, then paid in a new session": History(play=expired_then_paid),
    "expired, recovered and paid": History(play=recovered_and_paid),
    "authorized": History(play=authorized, ends="authorized"),
    "authorized, captured in full": History(play=captured_in_full),
    "authorized, captured in part": History(play=captured_in_part),
    "authorized, voided": History(play=voided, ends="unpaid"),
    "captured in part, then refunded": History(play=captured_in_part_and_refunded, ends="refunded"),
    "refunded in full": History(play=refunded_in_full, ends="refunded"),
    "refunded, naming the charge only": History(
        play=refunded_in_full, charge_only=("refund.created",), ends="refunded"
    ),
    "refunded in two parts": History(play=refunded_in_two_parts, ends="partially_refunded"),
    "refund pending, then succeeded": History(play=refund_pending_then_succeeded, ends="refunded"),
    "refund that fails later": History(play=refund_that_fails_later),
    "refund that fails, then another": History(play=refund_that_fails_and_another, ends="refunded"),
    "two sessions both paid": History(play=two_sessions_paid),
    "two sessions paid, by card and delayed": History(play=card_and_delayed_both_paid),
    "two sessions paid, the surplus refunded": History(play=surplus_refunded, ends=""),
    "dispute open": History(play=dispute_open),
    "dispute won": History(play=partial(_dispute_closed, outcome="won")),
    "dispute lost": History(play=partial(_dispute_closed, outcome="lost")),
    "in review": History(play=review_open),
    "review closed": History(play=review_closed),
    "in review, disputed, both closed": History(play=reviewed_and_disputed),
    "two sessions paid, one authorized and voided": History(play=surplus_voided),
}
