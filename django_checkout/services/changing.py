"""Changes an open Elements checkout from the server: shipping options for an address, and quantities.

Called from the browser inside Stripe.js's ``runServerUpdate``, which gives up after 20 seconds. Prices are the host's,
recomputed here; nothing the browser says about money is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext

from django_checkout import database, gateway, ledger, params
from django_checkout.adapters import get_adapter, get_subject
from django_checkout.exceptions import CannotShipError, OutOfStockError, SessionClosedError, StripeRefusedError
from django_checkout.models import CheckoutSession, Order
from django_checkout.services.placing import get_order, place_source
from django_checkout.services.settling import apply_facts, read_session
from django_checkout.states import SessionStatus
from django_checkout.steps import Steps, waits
from django_checkout.values import SessionFact

if TYPE_CHECKING:
    from stripe.params.checkout import SessionUpdateParams

#: What Stripe takes of an address.
ADDRESS_KEYS = ("line1", "line2", "city", "state", "postal_code", "country")


@waits
def get_client_secret(session: CheckoutSession) -> Steps[str]:
    """Return the secret by which a browser acts on an open session: never stored or logged.

    One call to Stripe, unless this process has just created the session.

    Give it to the order's owner only. Must run outside transactions.

    Raises:
        SessionClosedError: the session is not open, or is a hosted page's.
    """
    secret = ""
    if session.status == SessionStatus.OPEN:
        secret = session.client_secret or (yield from gateway.retrieve_client_secret.steps(session.stripe_id or ""))
    if not secret:
        raise SessionClosedError("The session has no client secret (any more).")
    return secret


@waits
def change_shipping(order: Any, *, name: str, address: Mapping[str, str]) -> Steps[CheckoutSession]:
    """Offer the shipping options that the host computes for an address; return the session.

    One call to Stripe; must run outside transactions.

    Raises:
        CannotShipError: the host has no option for this address; the session keeps its former address and options.
        SessionClosedError: there is no open session.
        StripeRefusedError: Stripe does not take the address.
    """
    ours = get_order(order)
    session = _get_open_session(ours)
    where = {key: str(address[key])[:500] for key in ADDRESS_KEYS if address.get(key)}
    adapter, subject = get_adapter(), get_subject(ours)
    # Stripe has no shipping rates in other modes.
    is_rated = ours.mode == "payment" and adapter.computes_shipping
    found = adapter.shipping_options(subject, where) if is_rated and subject is not None else ()
    options = params.fields.several(found, "shipping_options()", maximum=params.MAXIMUM_ITEMS["shipping_options"])
    if is_rated and not options:
        # Stripe keeps address and options together: with the new address, the old price would be paid.
        raise CannotShipError("The adapter's shipping_options() are empty for this address.")
    change: SessionUpdateParams = {
        "collected_information": {"shipping_details": {"name": name[:500], "address": where}},  # type: ignore[typeddict-item]  # Stripe judges the address
    }
    if options:
        change["shipping_options"] = [params.shipping_option(option, ours.currency) for option in options]  # type: ignore[misc]  # a plain dict of that shape
    yield from _send(session, change)
    return session


@waits
def change_quantity(order: Any, *, sku: str, quantity: int) -> Steps[CheckoutSession]:
    """Let the host change a quantity, and Stripe the session; a new revision of our order is committed in between.

    From then on a payment of the old amount needs a person, whatever becomes of the call. One or two calls to Stripe;
    must run outside transactions.

    Raises:
        OutOfStockError: the host refuses; its message is for the shopper.
        OrderChangedError: the host's row has another reference now; nothing is changed.
        SessionClosedError: there is no open session.
        SessionBusyError: another change of this session is on its way to Stripe.
    """
    ours = get_order(order)
    session = _get_open_session(ours)

    def revise() -> Order:
        locked = ledger.lock_order(pk=ours.pk)
        source = locked.order.source
        if source is None:
            # There is nothing that a change could be placed from.
            raise OutOfStockError(gettext("Quantities cannot be changed here."))
        with database.host_code():
            get_adapter().change_quantity(source, sku, quantity)
        placed = place_source(locked.order, source)
        ledger.expect_revision(locked, session.pk, placed, now=timezone.now())
        return placed

    revised = ledger.in_transaction(revise)
    lines = params.line_items(list(revised.lines.all()), revised.currency)
    try:
        fact = yield from _send(session, {"line_items": lines})  # type: ignore[typeddict-item]  # plain dicts of that shape
    except StripeRefusedError:
        # It may have been paid just now, at the old amount.
        yield from read_session(session)
        ledger.in_transaction(lambda: ledger.give_up_revision(ledger.lock_order(pk=ours.pk), session.pk))
        raise
    request = {**session.request, "line_items": lines}

    def reach() -> None:
        locked = ledger.lock_order(pk=ours.pk)
        if (locked.order.revision, fact.amount_subtotal_minor) == (revised.revision, revised.subtotal_minor):
            digest = params.fingerprint(params.without_attempt(request), locked.order)
            ledger.reach_revision(locked, session.pk, request=request, request_hash=digest)

    ledger.in_transaction(reach)
    session.refresh_from_db()
    return session


def _get_open_session(order: Order) -> CheckoutSession:
    session = order.sessions.filter(live_for=order, status=SessionStatus.OPEN).first()
    if session is None:
        raise SessionClosedError("The order has no open session.")
    return session


def _send(session: CheckoutSession, change: SessionUpdateParams) -> Steps[SessionFact]:
    fact = yield from gateway.update_session.steps(session.stripe_id or "", change)
    apply_facts([fact])
    session.refresh_from_db()
    return fact
