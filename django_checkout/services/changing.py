"""Changes an open Elements checkout from the server: shipping options for an address, and quantities.

The browser requests a change inside Stripe.js's ``runServerUpdate``, which times out after 20 seconds. The host
computes every price; no amount is taken from the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables

from django_checkout import ledger
from django_checkout.adapters import get_adapter, get_subject
from django_checkout.exceptions import CannotShipError, OutOfStockError, SessionClosedError, StripeRefusedError
from django_checkout.models import CheckoutSession, Order, database
from django_checkout.params.build import fingerprint, line_items, without_attempt
from django_checkout.params.fields import several
from django_checkout.params.options import shipping_option
from django_checkout.params.rules import MAXIMUM_ITEMS
from django_checkout.services import unanswered
from django_checkout.services.orders import get_own_order
from django_checkout.services.placing import place_source
from django_checkout.services.syncing import apply_facts, read_session
from django_checkout.states import SessionStatus
from django_checkout.stripe_api import gateway
from django_checkout.stripe_api.steps import Steps, arun, run
from django_checkout.values import SessionFact

if TYPE_CHECKING:
    from stripe.params.checkout import SessionUpdateParams

#: The fields of an address at Stripe.
ADDRESS_KEYS = ("line1", "line2", "city", "state", "postal_code", "country")


def get_client_secret(session: CheckoutSession) -> str:
    """Return the client secret with which a browser pays an open session; it is never stored or logged.

    Give it to the order's owner only. One call to Stripe, unless this process has just created the session. Must run
    outside transactions.

    Raises:
        SessionClosedError: the session is not open, or is a hosted page's.
    """
    return run(_get_client_secret_steps(session))


async def aget_client_secret(session: CheckoutSession) -> str:
    """Do the same as ``get_client_secret`` from a coroutine."""
    return await arun(_get_client_secret_steps(session))


def _get_client_secret_steps(session: CheckoutSession) -> Steps[str]:
    secret = ""
    if session.status == SessionStatus.OPEN:
        secret = session.client_secret or (yield from gateway.retrieve_client_secret(session.stripe_id or ""))
    if not secret:
        raise SessionClosedError("The session has no client secret, or is no longer open.")
    return secret


@sensitive_variables()
def change_shipping(order: Any, *, name: str, address: Mapping[str, str]) -> CheckoutSession:
    """Set an address and the shipping options that the host computes for it; return the session.

    One call to Stripe; must run outside transactions.

    Raises:
        CannotShipError: the host has no option for this address; the session keeps its address and options.
        SessionClosedError: there is no open session.
        StripeRefusedError: Stripe refuses the address.
    """
    return run(_change_shipping_steps(order, name=name, address=address))


@sensitive_variables()
async def achange_shipping(order: Any, *, name: str, address: Mapping[str, str]) -> CheckoutSession:
    """Do the same as ``change_shipping`` from a coroutine."""
    return await arun(_change_shipping_steps(order, name=name, address=address))


@unanswered.says(unanswered.CHANGE, user_message=unanswered.CHANGE_UNKNOWN)
def _change_shipping_steps(order: Any, *, name: str, address: Mapping[str, str]) -> Steps[CheckoutSession]:
    ours = get_own_order(order)
    session = _get_open_session(ours)
    shipping_address = {key: str(address[key])[:500] for key in ADDRESS_KEYS if address.get(key)}
    adapter, subject = get_adapter(), get_subject(ours)
    # Stripe has no shipping rates in other modes.
    is_rated = ours.mode == "payment" and adapter.computes_shipping
    found = adapter.shipping_options(subject, shipping_address) if is_rated and subject is not None else ()
    options = several(found, "shipping_options()", maximum=MAXIMUM_ITEMS["shipping_options"])
    if is_rated and not options:
        # With the new address and the old options, the shopper would pay the old price.
        raise CannotShipError("The adapter's shipping_options() returned none for this address.")
    change: SessionUpdateParams = {
        "collected_information": {"shipping_details": {"name": name[:500], "address": shipping_address}},  # type: ignore[typeddict-item]  # Stripe validates the address
    }
    if options:
        change["shipping_options"] = [shipping_option(option, ours.currency) for option in options]  # type: ignore[misc]  # a plain dict of that shape
    yield from _send(session, change)
    return session


def change_quantity(order: Any, *, sku: str, quantity: int) -> CheckoutSession:
    """Change a quantity in the host's order, commit a new revision, and update the session at Stripe.

    Once the revision is committed, a payment of the old amount needs attention, even if the call to Stripe fails. One
    or two calls to Stripe; must run outside transactions.

    Raises:
        OutOfStockError: the host refuses; its message is for the shopper.
        OrderChangedError: the host's row has another reference now; nothing is changed.
        SessionClosedError: there is no open session.
        SessionBusyError: another change of this session has not been answered by Stripe.
    """
    return run(_change_quantity_steps(order, sku=sku, quantity=quantity))


async def achange_quantity(order: Any, *, sku: str, quantity: int) -> CheckoutSession:
    """Do the same as ``change_quantity`` from a coroutine."""
    return await arun(_change_quantity_steps(order, sku=sku, quantity=quantity))


@unanswered.says(unanswered.CHANGE, user_message=unanswered.CHANGE_UNKNOWN)
def _change_quantity_steps(order: Any, *, sku: str, quantity: int) -> Steps[CheckoutSession]:
    ours = get_own_order(order)
    session = _get_open_session(ours)

    def revise() -> Order:
        locked = ledger.lock_order(pk=ours.pk)
        source = locked.order.source
        if source is None:
            raise OutOfStockError(gettext("Quantities cannot be changed here."))
        with database.host_code():
            get_adapter().change_quantity(source, sku, quantity)
        placed = place_source(locked.order, source)
        ledger.expect_revision(locked, session.pk, placed, now=timezone.now())
        return placed

    revised = ledger.in_transaction(revise)
    lines = line_items(list(revised.lines.all()), revised.currency)
    try:
        fact = yield from _send(session, {"line_items": lines})  # type: ignore[typeddict-item]  # plain dicts of that shape
    except StripeRefusedError:
        # The shopper may have just paid the old amount.
        yield from read_session(session)
        ledger.in_transaction(lambda: ledger.drop_revision(ledger.lock_order(pk=ours.pk), session.pk))
        raise
    request = {**session.request, "line_items": lines}

    def record() -> None:
        locked = ledger.lock_order(pk=ours.pk)
        if (locked.order.revision, fact.amount_subtotal_minor) == (revised.revision, revised.subtotal_minor):
            digest = fingerprint(without_attempt(request), locked.order)
            ledger.reach_revision(locked, session.pk, request=request, request_hash=digest)

    ledger.in_transaction(record)
    session.refresh_from_db()
    return session


def _get_open_session(order: Order) -> CheckoutSession:
    session = order.sessions.filter(live_for=order, status=SessionStatus.OPEN).first()
    if session is None:
        raise SessionClosedError("The order has no open session.")
    return session


def _send(session: CheckoutSession, change: SessionUpdateParams) -> Steps[SessionFact]:
    fact = yield from gateway.update_session(session.stripe_id or "", change)
    apply_facts([fact])
    session.refresh_from_db()
    return fact
