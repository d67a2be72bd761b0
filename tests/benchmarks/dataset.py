"""Fills a PostgreSQL database with a year of a large shop: ``python -m tests.benchmarks.dataset``.

A million orders with their sessions, payments, announcements and balance transactions, three million events, and a few
hundred rows of everything that needs staff. PostgreSQL generates the rows (``generate_series``) within minutes. A
database that has as many rows is left unchanged. ``DATABASE_URL`` names the database, which is created if it does not
exist. pytest never runs this.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping

from django_checkout.conf import conf
from tests.benchmarks.databases import prepare

CHUNK = 100_000
#: One in this many orders is refunded, is disputed, needs attention.
REFUNDED, DISPUTED, NEEDING_ATTENTION = 30, 500, 2000
PAYOUTS = 365

#: The time of row ``n`` of ``{orders}``: evenly over the last year, the newest last.
AT = "(now() - interval '365 days' * ({orders} - n)::float / {orders})"
#: The outcome of an order by its number: of 100, 85 are paid, 8 expired, 4 never started, 2 open, 1 failed later.
SHARE = "(n * 7919 % 100)"
IS_PAID = f"{SHARE} < 85"
CURRENCY = "(CASE WHEN n % 10 < 7 THEN 'eur' WHEN n % 10 < 9 THEN 'usd' ELSE 'jpy' END)"
AMOUNT = "(1000 + n * 31 % 9000)"


def main() -> None:
    """Build the rows and print how long it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=1_000_000, help="how many orders (default: %(default)s)")
    parser.add_argument("--events", type=int, default=3_000_000, help="how many events (default: %(default)s)")
    options = parser.parse_args()
    prepare()
    build(orders=options.orders, events=options.events)


def build(*, orders: int, events: int) -> None:
    """Fill the tables of this app, unless they hold as many rows already."""
    from django.db import connection

    from django_checkout import models
    from django_checkout.models import Order, WebhookEvent

    if (Order.objects.count(), WebhookEvent.objects.count()) == (orders, events):
        say(f"{orders} orders and {events} events are there already.")
        return
    started = time.perf_counter()
    ours = [getattr(models, name) for name in models.__all__]
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in ours)} RESTART IDENTITY CASCADE")
        for model, columns, where in tables(orders):
            insert(cursor, model, columns, where, orders)
        insert(cursor, models.WebhookEvent, event_columns(orders, events), "true", events)
        cursor.execute(
            "UPDATE django_checkout_order o SET kept_payment_id = p.id FROM django_checkout_payment p "
            "WHERE p.order_id = o.id"
        )
        for model in ours:
            table = model._meta.db_table
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608
            cursor.execute(f"VACUUM ANALYZE {table}")
    say(f"built in {time.perf_counter() - started:.0f} s")


def insert(cursor, model, columns: Mapping[str, str], where: str, count: int) -> None:
    """Insert rows by number, in chunks; a column that is left out gets the default of its field."""
    fields = list(model._meta.concrete_fields)
    unknown = set(columns) - {field.column for field in fields}
    assert not unknown, f"{model.__name__} has no column {unknown}"
    names = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(columns.get(field.column, blank(field)) for field in fields)
    started = time.perf_counter()
    for first in range(1, count + 1, CHUNK):
        last = min(first + CHUNK - 1, count)
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({names}) SELECT {values} "  # noqa: S608  # our own text
            f"FROM generate_series({first}::bigint, {last}::bigint) AS n WHERE {where}"
        )
    say(f"{model.__name__:20} {time.perf_counter() - started:6.1f} s")


def blank(field) -> str:
    """Return the SQL of a column's default."""
    kind = field.get_internal_type()
    if field.primary_key:
        return "n"
    if field.null:
        return "NULL"
    return {
        "BooleanField": "false",
        "JSONField": "'{}'::jsonb",
        "DateTimeField": "now()",
        "DateField": "current_date",
        "UUIDField": f"md5('{field.model.__name__}' || n)::uuid",
    }.get(kind, "0" if "Integer" in kind else "''")


def tables(orders: int):
    """Yield each model, its columns and the numbers that have a row; tables that others refer to come first."""
    from django_checkout import models

    at = AT.format(orders=orders)
    yield models.Order, order_columns(at), "true"
    yield (
        models.OrderLine,
        {"order_id": "n", "position": "1", "name": "'Teapot ' || n % 100", "quantity": "1"}
        | {"unit_amount_minor": AMOUNT, "sku": "'T-' || n % 100"},
        "true",
    )
    yield (
        models.Payment,
        {"stripe_id": "'pi_' || md5('p' || n)", "charge_id": "'ch_' || md5('c' || n)", "order_id": "n"}
        | {"livemode": "false", "intent_status": "'succeeded'", "currency": CURRENCY, "created_at": at}
        | {"amount_minor": AMOUNT, "captured_minor": AMOUNT, "updated_at": at},
        IS_PAID,
    )
    yield models.CheckoutSession, session_columns(at), f"NOT {SHARE} BETWEEN 93 AND 96"
    yield (
        models.Refund,
        {"stripe_id": "'re_' || md5('r' || n)", "payment_id": "n", "amount_minor": f"{AMOUNT} / 2"}
        | {"currency": CURRENCY, "status": "'succeeded'", "created_at": at, "updated_at": at},
        f"n % {REFUNDED} = 0 AND {IS_PAID}",
    )
    yield (
        models.Dispute,
        {"stripe_id": "'du_' || md5('d' || n)", "payment_id": "n", "amount_minor": AMOUNT, "currency": CURRENCY}
        | {"status": f"CASE WHEN n > {orders} * 0.97 THEN 'needs_response' ELSE 'lost' END", "created_at": at}
        | {"reason": "'fraudulent'", "due_by": f"{at} + interval '12 days'", "updated_at": at},
        f"n % {DISPUTED} = 0 AND {IS_PAID}",
    )
    yield (
        models.Announcement,
        {"order_id": "n", "signal": "'order_paid'", "fact": "'A-' || n", "state": "'announced'", "attempts": "1"}
        | {"session_id": "n", "created_at": at, "announced_at": at},
        IS_PAID,
    )
    yield (
        models.AttentionItem,
        {"order_id": "n", "code": "'fraud_warning'", "fact": "'issfr_' || n", "raised_at": at},
        f"n % {NEEDING_ATTENTION} = 0",
    )
    yield (
        models.Discrepancy,
        {"kind": "'refund_differs'", "subject": "'re_' || n", "order_id": "n", "state": "'open'"}
        | {"suggestion": "'Look at it.'", "first_seen_at": at, "last_seen_at": at},
        f"n % {NEEDING_ATTENTION} = 0",
    )
    yield (
        models.Payout,
        {"stripe_id": "'po_' || md5('o' || n)", "livemode": "false", "currency": "'eur'", "amount_minor": "100000"}
        | {"lines_net_minor": "100000", "status": "'paid'", "is_automatic": "true", "created_at": at}
        | {"reconciliation_status": "'completed'", "arrival_date": f"current_date - {PAYOUTS} + n::int"},
        f"n <= {PAYOUTS}",
    )
    yield (
        models.BalanceTransaction,
        {"stripe_id": "'txn_' || md5('t' || n)", "source_id": "'ch_' || md5('c' || n)", "payment_id": "n"}
        | {"payout_id": f"1 + n * ({PAYOUTS} - 1) / {orders}", "type": "'charge'", "currency": CURRENCY}
        | {"amount_minor": AMOUNT, "fee_minor": "25", "net_minor": f"{AMOUNT} - 25", "status": "'available'"}
        | {"reporting_category": "'charge'", "available_on": at, "created_at": at},
        f"{IS_PAID} AND {orders} >= {PAYOUTS}",
    )


def order_columns(at: str) -> dict[str, str]:
    """Return the columns of an order by its number."""
    is_refunded = f"n % {REFUNDED} = 0 AND {IS_PAID}"
    status = f"CASE WHEN {is_refunded} THEN 'partially_refunded' WHEN {IS_PAID} THEN 'paid' ELSE 'unpaid' END"
    return {
        "reference": "'A-' || n",
        "content_hash": "md5('h' || n)",
        "livemode": "false",
        "currency": CURRENCY,
        "subtotal_minor": AMOUNT,
        "total_minor": AMOUNT,
        "paid_minor": f"CASE WHEN {IS_PAID} THEN {AMOUNT} ELSE 0 END",
        "refunded_minor": f"CASE WHEN {is_refunded} THEN {AMOUNT} / 2 ELSE 0 END",
        "status": status,
        "disputed": f"n % {DISPUTED} = 0 AND {IS_PAID}",
        "needs_attention": f"n % {NEEDING_ATTENTION} = 0",
        "email": "'shopper' || n || '@example.com'",
        "customer_details": "jsonb_build_object('name', 'Shopper ' || n)",
        "mode": "'payment'",
        "revision": "1",
        "created_at": at,
        "updated_at": at,
        "paid_at": f"CASE WHEN {IS_PAID} THEN {at} END",
    }


def session_columns(at: str) -> dict[str, str]:
    """Return the columns of an order's session by the order's number."""
    status = f"CASE WHEN {SHARE} < 85 OR {SHARE} = 99 THEN 'complete' WHEN {SHARE} < 93 THEN 'expired' ELSE 'open' END"
    return {
        "order_id": "n",
        "live_for_id": f"CASE WHEN {SHARE} IN (97, 98) THEN n END",
        "stripe_id": "'cs_test_' || md5('s' || n)",
        "livemode": "false",
        "mode": "'payment'",
        "ui_mode": "'hosted_page'",
        "revision": "1",
        "asked_currency": CURRENCY,
        "asked_subtotal_minor": AMOUNT,
        "status": status,
        "payment_status": f"CASE WHEN {IS_PAID} THEN 'paid' ELSE 'unpaid' END",
        "has_async_failed": f"{SHARE} = 99",
        "payment_id": f"CASE WHEN {IS_PAID} THEN n END",
        "currency": CURRENCY,
        "amount_subtotal_minor": AMOUNT,
        "amount_total_minor": AMOUNT,
        "request": "jsonb_build_object('mode', 'payment', 'client_reference_id', 'A-' || n)",
        "expires_at": f"{at} + interval '23 hours'",
        "created_at": at,
        "updated_at": at,
        "completed_at": f"CASE WHEN {IS_PAID} THEN {at} END",
    }


def event_columns(orders: int, events: int) -> dict[str, str]:
    """Return the columns of an event; event ``n`` is about order ``n`` modulo the number of orders."""
    order = f"(1 + n % {orders})"
    at = AT.format(orders=events)
    types = "('{checkout.session.completed,payment_intent.succeeded,charge.succeeded}'::text[])[1 + (n % 3)::int]"
    ids = (
        f"('{{cs_test_,pi_,ch_}}'::text[])[1 + (n % 3)::int] || md5(('{{s,p,c}}'::text[])[1 + (n % 3)::int] || {order})"
    )
    return {
        "stripe_id": "'evt_' || md5('e' || n)",
        "type": types,
        "api_version": f"'{conf.CHECKOUT_API_VERSION}'",
        "livemode": "false",
        "object_id": ids,
        "payment_intent_id": f"CASE WHEN n % 3 = 1 THEN '' ELSE 'pi_' || md5('p' || {order}) END",
        "payload": f"jsonb_build_object('id', 'evt_' || md5('e' || n), 'data', jsonb_build_object('object', "
        f"jsonb_build_object('id', {ids}, 'metadata', jsonb_build_object('order_id', 'A-' || {order}))))",
        "request_id": "'req_' || n",
        "state": f"CASE WHEN n % {events} < 20 THEN 'failed' ELSE 'processed' END",
        "next_attempt_at": f"CASE WHEN n % {events} < 20 THEN now() END",
        "attempts": "1",
        "created_at": at,
        "received_at": at,
        "processed_at": at,
    }


def say(text: str) -> None:
    """Print progress at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
