"""Places the host's orders, finds them again, and builds the links to pay them."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, models
from django.http import HttpRequest
from django.urls import reverse

from django_checkout.access.tokens import Purpose, make_token
from django_checkout.adapters import get_adapter
from django_checkout.conf import conf
from django_checkout.exceptions import (
    OrderChangedError,
    OrderDataError,
    OrderNotFoundError,
    OrderNotPayableError,
    OtherSiteError,
    ReferenceTakenError,
)
from django_checkout.models import Order, OrderLine, database, sites
from django_checkout.services.content import read_content
from django_checkout.states import OrderStatus
from django_checkout.values import OrderData

#: A change of one of these makes a new revision: a payment for the old one may not match.
_SOLD = frozenset(("content_hash", "mode", "params", "asked_discount_minor", "asked_discount_name"))


def place(source: Any, *, is_new: bool = False) -> Order:
    """Mirror the host's order (or an ``OrderData``) and return ours; the same content returns the same order.

    While the order is unpaid, changed content makes a new revision; ``is_new`` refuses that. Locks our order. Does not
    call Stripe, so it may run inside a transaction of the host, who then starts that over after a deadlock; outside of
    one, ``place`` does.

    Raises:
        OrderDataError: the content is not valid; the message names the field and its limit.
        ParameterError: Stripe does not allow an option in this mode, or in any UI mode of the site.
        OrderChangedError: lines or currency changed after the payment began; or the host's row was placed under
            another reference, and that order is not canceled.
        ReferenceTakenError: ``is_new``, and the reference exists.
    """
    return _place(source, is_new=is_new)


def place_by_reference(reference: str) -> Order | None:
    """Place the host's order that the adapter's ``find_order`` returns, and return ours; None if there is none.

    Raises:
        the errors of ``place``.
    """
    source = get_adapter().find_order(reference)
    order = None if source is None else place(source)
    return order if order is not None and order.reference == reference else None


def place_again(order: Any) -> Order:
    """Place the host's row again and return our order; an order without a host's row is returned unchanged.

    Raises:
        OrderNotFoundError: the host has deleted its row.
        OrderNotPayableError: the order is not unpaid; ``describe`` is not called.
        OrderChangedError: the host's row has another reference than when the order was placed.
    """
    is_ours = isinstance(order, Order)
    # The passed instance may hold an old status and an old row of the host.
    known = Order.objects.get(pk=order.pk) if is_ours else find_order(order)
    if known is None:
        return place(order)
    # The host's row may replace a canceled order; a link is for its own order only.
    if known.status != OrderStatus.UNPAID and (is_ours or known.status != OrderStatus.CANCELED):
        raise OrderNotPayableError(f"The order is {known.status}.")
    if not is_ours:
        return place(order)
    if not known.source_id:
        return known
    if known.source is None:
        raise OrderNotFoundError("The shop has deleted the order.")
    return place_source(known, known.source)


def place_source(order: Order, source: Any) -> Order:
    """Place the host's row of our order again.

    Raises:
        OrderChangedError: the row has another reference now and would be another order; nothing is written.
    """
    return _place(source, only=order)


def get_own_order(order: Any) -> Order:
    """Return our order, which must be this site's: what follows changes money or announces it.

    Raises:
        OrderNotFoundError: the host's order was never placed.
        OtherSiteError: another installation placed it or started its latest session.
    """
    ours = get_order(order)
    check_site(ours)
    return ours


def check_site(row: sites.OfSite) -> None:
    """Check that an order or a session is this site's.

    Raises:
        OtherSiteError: it is not.
    """
    if not sites.is_own(row):
        raise OtherSiteError(
            f"It belongs to {row.site_url}, and this site is {conf.base_url or 'without CHECKOUT_BASE_URL'}. If the "
            "site was renamed, add the former URL to CHECKOUT_FORMER_BASE_URLS."
        )


def get_order(order: Any) -> Order:
    """Return our order for itself or for the host's row.

    Raises:
        OrderNotFoundError: the host's order was never placed.
    """
    found = find_order(order)
    if found is None:
        raise OrderNotFoundError("This order has not been placed; call services.place() first.")
    return found


def find_order(order: Any) -> Order | None:
    """Return our order for itself or for the host's row; None if that was never placed."""
    if isinstance(order, Order):
        return order
    if not isinstance(order, models.Model):
        return None
    content_type = ContentType.objects.get_for_model(order, for_concrete_model=False)
    return Order.objects.filter(source_type=content_type, source_id=str(order.pk)).order_by("-pk").first()


def pay_url(order: Any, *, request: HttpRequest | None = None) -> str:
    """Return the absolute, signed URL of the order's payment page, e.g. for an email; place the order if necessary.

    Raises:
        ImproperlyConfigured: there is no request, and CHECKOUT_BASE_URL is not set (DEBUG uses ``runserver``'s URL).
    """
    ours = _get_or_place(order)
    return absolute_url(reverse("django_checkout:pay", args=[make_token(ours, Purpose.PAY)]), request)


def start_url(order: Any) -> str:
    """Return the signed path that a form posts to in order to start paying; place the order if necessary."""
    return reverse("django_checkout:start", args=[make_token(_get_or_place(order), Purpose.PAY)])


def lock(order: Any) -> Order:
    """Lock our order until the transaction ends, and return its current state.

    Hosts that lock their own row call this first, because receivers run under this lock.
    """
    return Order.objects.select_for_update().get(pk=get_order(order).pk)


def absolute_url(path: str, request: HttpRequest | None) -> str:
    """Return a path as an absolute URL of the request, of CHECKOUT_BASE_URL, or in DEBUG of ``runserver``.

    Raises:
        ImproperlyConfigured: none of them exists.
    """
    if request is not None:
        return request.build_absolute_uri(path)
    base_url = conf.base_url
    if not base_url:
        raise ImproperlyConfigured("The URL of this site is not known: set CHECKOUT_BASE_URL, or pass request=.")
    return f"{base_url}{path}"


def _get_or_place(order: Any) -> Order:
    if isinstance(order, (models.Model, OrderData)):
        return find_order(order) or place(order)
    return get_order(order)


def _lock(reference: str) -> Order | None:
    return Order.objects.select_for_update().filter(reference=reference).first()


def _place(source: Any, *, is_new: bool = False, only: Order | None = None) -> Order:
    if isinstance(source, OrderData):
        content = source
    else:
        with database.host_code():
            content = get_adapter().describe(source)
    host_row = source if isinstance(source, models.Model) else None
    values, lines = read_content(content, host_row)
    # A row that was deleted is back.
    values["source_deleted_at"] = None
    write = partial(_create_or_revise, values, lines, is_new=is_new, only=only)
    try:
        return database.in_transaction(write)
    except IntegrityError as error:
        refused = error

    def write_again() -> Order:
        # Another transaction placed the same reference at the same time, and has committed. Where the host's
        # transaction reads from a snapshot, only a read that locks sees the row.
        if _lock(values["reference"]) is None:
            raise refused
        return write()

    return database.in_transaction(write_again)


def _create_or_revise(
    values: dict[str, Any], lines: list[dict[str, Any]], *, is_new: bool, only: Order | None
) -> Order:
    order = _lock(values["reference"])
    if only is not None and (order is None or order.pk != only.pk):
        raise OrderChangedError(_other_reference(only))
    if order is None:
        return _create(values, lines)
    if is_new:
        raise ReferenceTakenError("An order has been placed under this reference.")
    return _revise(order, values, lines)


def _create(values: dict[str, Any], lines: list[dict[str, Any]]) -> Order:
    if values["source_id"]:
        # A canceled order can be replaced, and so can an erased unpaid one, which can never be paid. If one with this
        # reference was placed at the same time, the insert fails and the caller revises it.
        known = Order.objects.filter(source_type=values["source_type"], source_id=values["source_id"]).exclude(
            models.Q(reference=values["reference"])
            | models.Q(status=OrderStatus.CANCELED)
            | models.Q(status=OrderStatus.UNPAID, erased_at__isnull=False)
        )
        if other := known.order_by("-pk").first():
            raise OrderChangedError(_other_reference(other))
    order = Order.objects.create(**values, site_url=conf.CHECKOUT_BASE_URL)
    _write_lines(order, lines)
    return order


def _other_reference(order: Order) -> str:
    return (
        f"The row was placed as order {order.reference!r}, but describe() now returns another reference. It must "
        "return the same reference each time. To sell the row under a new one, cancel the unpaid order first."
    )


def _revise(order: Order, values: dict[str, Any], lines: list[dict[str, Any]]) -> Order:
    if (order.source_type_id, order.source_id) != (getattr(values["source_type"], "pk", None), values["source_id"]):
        raise OrderDataError("Another order has been placed under this reference.")
    is_same = order.content_hash == values["content_hash"]
    if order.status != OrderStatus.UNPAID or order.erased_at is not None:
        if is_same:
            return order
        raise OrderChangedError("The order's lines or currency changed after its payment began or it was canceled.")
    changed = [name for name, value in values.items() if getattr(order, name) != value]
    if changed:
        for name in changed:
            setattr(order, name, values[name])
        if not _SOLD.isdisjoint(changed):
            order.revision += 1
        order.save(update_fields=[*changed, "revision", "updated_at"])
    if not is_same:
        order.lines.all().delete()
        _write_lines(order, lines)
    return order


def _write_lines(order: Order, lines: list[dict[str, Any]]) -> None:
    OrderLine.objects.bulk_create(
        OrderLine(order=order, position=position, **line) for position, line in enumerate(lines, start=1)
    )
