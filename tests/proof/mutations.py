"""Plants one fault at a time in a copy of the app and checks that a test fails: ``python -m tests.proof.mutations``.

A fault that no test notices is reported. Faults of locking need threads: set DATABASE_URL to PostgreSQL or MariaDB,
otherwise they are skipped. Arguments are words that select faults by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.proof import alerts, api, incidents, outages, parameters, pull, sites, staff
from tests.proof.fault import Fault

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "django_checkout"
PERMUTATIONS = "tests/properties/test_permutations.py"
COUNTEREXAMPLES = "tests/properties/test_counterexamples.py"
CHANCE = "tests/properties/test_chance.py"
HOOKS = "tests/races/test_hooks.py"
THREADS = "tests/races/test_threads.py"
PAINS = "tests/pains/test_payments.py"
START, SETTLING = "tests/test_services_start.py", "tests/test_services_syncing.py"
ANNOUNCEMENTS, WEBHOOKS = "tests/test_announcements.py", "tests/test_webhooks.py"
OPTIONS, REFUNDS = "tests/test_services_options.py", "tests/test_services_refunds.py"
CUSTOMERS = "tests/test_services_customers.py"


def _history(*names: str) -> tuple[str, ...]:
    return tuple(f"{PERMUTATIONS}::test_every_order_of_arrival_ends_as_a_direct_read[{name}]" for name in names)


FAULTS = (
    Fault(
        name="the last fact wins instead of the higher state",
        file="states/rules.py",
        old="return max(known, fact, key=rank.__getitem__)",
        new="return fact",
        tests=_history("refund that fails later"),
    ),
    Fault(
        name="the lower state wins",
        file="states/rules.py",
        old="return max(known, fact, key=rank.__getitem__)",
        new="return min(known, fact, key=rank.__getitem__)",
        tests=_history("card paid"),
    ),
    Fault(
        name="a failed refund ranks below a succeeded one",
        file="states/rules.py",
        old="enumerate(RefundStatus)}",
        new="enumerate(reversed(RefundStatus))}",
        tests=_history("refund that fails later"),
    ),
    Fault(
        name="the payment status of an open session is final",
        file="states/rules.py",
        old="earlier = known[1] if status == known[0] else PaymentStatus.UNPAID",
        new="earlier = known[1]",
        tests=(COUNTEREXAMPLES,),
    ),
    Fault(
        name="a canceled PaymentIntent stays in progress",
        file="states/rules.py",
        old="            and self.intent_status != IntentStatus.CANCELED\n",
        tests=_history("authorized, voided"),
    ),
    Fault(
        name="a failed delayed payment stays in progress",
        file="states/rules.py",
        old="            and not self.has_async_failed\n",
        tests=_history("delayed payment fails"),
    ),
    Fault(
        name="a pending session counts as paid",
        file="ledger/orders.py",
        old="if payment.captured_minor > 0 or (",
        new="if payment.amount_minor > 0 or (",
        tests=_history("delayed payment in progress"),
    ),
    Fault(
        name="the kept payment changes to the latest",
        file="ledger/orders.py",
        old="    if locked.order.kept_payment_id is not None:\n        return False\n"
        "    for session in locked.sessions:",
        new="    for session in reversed(locked.sessions):",
        tests=_history("two sessions both paid"),
    ),
    Fault(
        name="the last captured amount wins",
        file="ledger/payments.py",
        old='"captured_minor": max(payment.captured_minor, fact.captured_minor or 0),',
        new='"captured_minor": fact.captured_minor or 0,',
        tests=_history("authorized, captured in part"),
    ),
    Fault(
        name="captured amounts are added up",
        file="ledger/payments.py",
        old='"captured_minor": max(payment.captured_minor, fact.captured_minor or 0),',
        new='"captured_minor": payment.captured_minor + (fact.captured_minor or 0),',
        tests=_history("card paid"),
    ),
    Fault(
        name="a manual capture records the total of the session",
        file="ledger/sessions.py",
        old="is_final = is_settled and (is_free or not session.is_manual_capture)",
        new="is_final = is_complete",
        tests=_history("authorized, captured in part"),
    ),
    Fault(
        name="refunds that arrive before their order are ignored",
        file="ledger/orders.py",
        old="    locked.refunds_to_announce.extend(row for row in refunds if row.payment_id in claimed)\n",
        tests=(f"{ANNOUNCEMENTS}::test_failed_refund_of_a_second_payment_is_announced_in_every_order_of_arrival",),
    ),
    Fault(
        name="disputes that arrive before their order are ignored",
        file="ledger/orders.py",
        old="    locked.disputes_to_announce.extend(row for row in disputes if row.payment_id in claimed)\n",
        tests=_history("dispute open"),
    ),
    Fault(
        name="the surplus is counted with the kept payment",
        file="ledger/orders.py",
        old="order.paid_minor = kept.captured_minor",
        new="order.paid_minor = sum(row.captured_minor for row in locked.payments)",
        tests=_history("two sessions both paid"),
    ),
    Fault(
        name="a second payment is not noticed",
        file="ledger/attention.py",
        old="    if payment.captured_minor > 0:\n        return True\n    session = locked.session_of",
        new="    session = locked.session_of",
        tests=(PAINS,),
    ),
    Fault(
        name="a pending refund is counted",
        file="ledger/orders.py",
        old="is_done = refund.status == RefundStatus.SUCCEEDED and",
        new="is_done = refund.status != RefundStatus.FAILED and",
        tests=(PAINS,),
    ),
    Fault(
        name="amounts are not compared",
        file="ledger/attention.py",
        old='elif session.mode == "payment" and session.amount_subtotal_minor != _expected_minor(session):',
        new="elif False:",
        tests=(PAINS,),
    ),
    Fault(
        name="order_paid is not withheld",
        file="ledger/orders.py",
        old="is_released = not attention.is_withheld and (",
        new="is_released = (",
        tests=(HOOKS,),
    ),
    Fault(
        name="a reason that was true for a moment stays",
        file="ledger/attention.py",
        old="    gone = {key for key in unresolved if key not in expected and key[0] in set(Attention)}\n",
        new="    gone: set[tuple[str, str]] = set()\n",
        tests=(COUNTEREXAMPLES,),
    ),
    Fault(
        name="the payment of a session is not read",
        file="ledger/sessions.py",
        old="    if fact.payment is not None:\n",
        new="    if False:\n",
        tests=(COUNTEREXAMPLES,),
    ),
    Fault(
        name="a refund is announced before the payment",
        file="ledger/sending.py",
        old='AFTER_PAID = frozenset(("order_refunded", "refund_failed"))',
        new="AFTER_PAID = frozenset()",
        tests=(PAINS,),
    ),
    Fault(
        name="a signal about a moment is sent after the moment",
        file="ledger/sending.py",
        old="    if is_superseded(order, signal):\n",
        new="    if False:\n",
        tests=(COUNTEREXAMPLES,),
    ),
    Fault(
        name="a notification whose receiver raises is not pending",
        file="ledger/settling.py",
        old="            sender.retry_later(announcement, error, attempts=1)\n",
        new="            del error\n",
        tests=(PAINS,),
    ),
    Fault(
        name="a receiver that raises undoes the fact",
        file="ledger/sending.py",
        old="            return error\n        return None",
        new="            raise\n        return None",
        tests=(PAINS,),
    ),
    Fault(
        name="an announcement is delivered again with each fact",
        file="ledger/writes.py",
        old="    return [row for rows in results[first : first + len(stored)] for row in rows]\n",
        new="    return list(announcements)\n",
        tests=_history("dispute open"),
    ),
    Fault(
        name="tickets are not checked",
        file="ledger/disputes.py",
        old="    if not use_ticket(fact.stripe_id, fact.ticket):\n        return\n",
        new="    use_ticket(fact.stripe_id, fact.ticket)\n",
        tests=(HOOKS,),
    ),
    Fault(
        name="a charge's total proves that its new refund is known",
        file="ledger/announced_refund.py",
        old="row.stripe_id in ids and row.status in _SETTLED",
        new="row.status in _SETTLED",
        tests=("tests/test_announced_refund.py",),
    ),
    Fault(
        name="a failure is swallowed",
        file="webhooks/processing.py",
        old="    except Exception as error:\n        inbox.record_failure(inbox.insert(row), error)\n        raise\n",
        new="    except Exception:\n        return inbox.insert(row)\n",
        tests=(PAINS,),
    ),
    Fault(
        name="a failed event is taken for a duplicate",
        file="webhooks/processing.py",
        old="        raise\n    return known if inbox.is_settled(known) else (yield from process_steps(known))",
        new="        raise\n    return known",
        tests=(PAINS,),
    ),
    Fault(
        name="a duplicate event is an error",
        file="webhooks/inbox.py",
        old="    return fresh if insert_new(fresh) else None\n",
        new="    fresh.save(force_insert=True)\n    return fresh\n",
        tests=(PAINS,),
    ),
    Fault(
        name="leases of events are ignored",
        file="webhooks/inbox.py",
        old="is_held = row.state == EventState.PROCESSING and row.leased_until is not None and",
        new="is_held = False and row.leased_until is not None and",
        tests=(HOOKS,),
    ),
    Fault(
        name="a reference alone proves ownership",
        file="ledger/sessions.py",
        old="return None if original is None else _adopt(locked, original, fact)",
        new="return _adopt(locked, original or locked.sessions[0], fact)",
        tests=(PAINS,),
    ),
    Fault(
        name="a lost answer allows another session",
        file="services/creating.py",
        old="        if error.is_replayed:\n            _fail(session, error)",
        new="        if True:\n            _fail(session, error)",
        tests=(PAINS,),
    ),
    Fault(
        name="a paid order can be started again",
        file="services/checkout.py",
        old="    if status != OrderStatus.UNPAID:\n",
        new="    if False:\n",
        tests=(PAINS,),
    ),
    Fault(
        name="a changed order keeps its old session",
        file="services/checkout.py",
        old="is_fresh and live.request_hash == request.request_hash",
        new="is_fresh",
        tests=(PAINS,),
    ),
    Fault(
        name="a retry builds the request again",
        file="services/session_request.py",
        old="return {key: _sorted(request[key]) for key in sorted(request)}",
        new="return {key: _sorted(request[key]) for key in request}",
        tests=(COUNTEREXAMPLES,),
    ),
    Fault(
        name="a refund is repeated without a lookup",
        file="services/refunds.py",
        old="        yield from read_refunds_and_disputes(row.payment)\n",
        new="        pass\n",
        tests=(PAINS,),
    ),
    Fault(
        name="refunds are not added up",
        file="ledger/refunds.py",
        old="    if amount_minor > left:\n",
        new="    if amount_minor > payment.captured_minor:\n",
        tests=(PAINS,),
    ),
    Fault(
        name="refunds of every payment count for the order",
        file="ledger/orders.py",
        old="    return is_done and refund.payment_id == kept.pk\n",
        new="    return is_done\n",
        tests=(SETTLING,),
    ),
    Fault(
        name="a session of an older revision pays the order",
        file="ledger/attention.py",
        old="session.revision != order.revision and",
        new="session.revision > order.revision and",
        tests=(START, OPTIONS),
    ),
    Fault(
        name="a pending notification is delivered although it is superseded",
        file="ledger/announcements.py",
        old="if is_superseded(order, announcement.signal) or _is_stale(announcement):",
        new="if _is_stale(announcement):",
        tests=(ANNOUNCEMENTS,),
    ),
    Fault(
        name="a handler of the host undoes facts",
        file="webhooks/processing.py",
        old="            failure = error\n",
        new="            raise\n",
        tests=(WEBHOOKS,),
    ),
    Fault(
        name="a timestamp from the future is accepted",
        file="stripe_api/signatures.py",
        old="    if abs(ahead) > tolerance:",
        new="    if -ahead > tolerance:",
        tests=(WEBHOOKS,),
    ),
    Fault(
        name="an unreadable answer is a refusal",
        file="stripe_api/client.py",
        old="if not isinstance(error, definite) or status in (409, 429)",
        new="if status in (409, 429)",
        tests=(START, REFUNDS),
    ),
    Fault(
        name="the database allows several live sessions",
        file="ledger/intentions.py",
        old="        live_for=locked.order,\n",
        tests=(START,),
    ),
    Fault(
        name="the stored request is sent with another key",
        file="services/creating.py",
        old="idempotency_key=str(session.uuid))",
        new="idempotency_key=str(id(session)))",
        tests=(START,),
    ),
    Fault(
        name="a surplus is refunded while the payments are in doubt",
        file="services/surplus.py",
        old="    return (\n        kept.pk != surplus.pk\n",
        new="    return True or (\n        kept.pk != surplus.pk\n",
        tests=(SETTLING,),
    ),
    Fault(
        name="orders are not locked",
        file="ledger/locks.py",
        old="Order.objects.select_for_update().filter(**condition())",
        new="Order.objects.filter(**condition())",
        tests=(THREADS,),
        needs_threads=True,
    ),
    Fault(
        name="a payment that has an order is written without its lock",
        file="ledger/locks.py",
        old="        if any(row.order_id is not None for row in named if row.stripe_id == payment_id):\n"
        "            raise LockOrderChangedError\n",
        tests=(THREADS,),
        needs_threads=True,
    ),
    Fault(
        name="a payment inserted by another transaction is taken for a new one",
        file="ledger/writes.py",
        old="    if sum(map(len, results[: len(payments)])) < len(new):\n        raise LockOrderChangedError\n",
        tests=(THREADS,),
        needs_threads=True,
    ),
    Fault(
        name="deadlocks are not retried",
        file="models/database.py",
        old="if attempt == attempts or not is_retryable(error):",
        new="if True:",
        tests=(THREADS,),
        needs_threads=True,
    ),
    Fault(
        name="a link gives access to saved cards",
        file="services/session_request.py",
        old="is_for_owner = options.request is None or is_owner(options.request, order)",
        new="is_for_owner = True",
        tests=(f"{CUSTOMERS}::test_link_alone_does_not_show_saved_cards",),
    ),
    Fault(
        name="a Customer keeps the e-mail address of an earlier order",
        file="services/creating.py",
        old="        yield from update_email(session)\n",
        tests=(f"{CUSTOMERS}::test_receipts_go_to_the_orders_current_address",),
    ),
    Fault(
        name="a known Customer lacks a parameter that Stripe requires",
        file="params/build.py",
        old="    fill_in(params)\n",
        tests=(f"{CUSTOMERS}::test_second_purchase_of_a_customer_is_accepted",),
    ),
    Fault(
        name="a default of the site stops a sale that does not use it",
        file="params/build.py",
        old="    leave_out(params, explicit)\n",
        tests=("tests/test_params_rules.py::test_default_that_does_not_apply_is_removed",),
    ),
    Fault(
        name="an e-mail address that Stripe refuses stops the sale",
        file="services/checkout.py",
        old="in OPTIONAL_PARAMETERS and name in request.params",
        new="in ()",
        tests=(
            "tests/test_services_content.py::test_email_address_that_stripe_refuses_is_left_out_of_the_next_attempt",
        ),
    ),
    Fault(
        name="another page avoids the shipping that the server computes",
        file="services/session_request.py",
        old="    check_ui_mode(order, ui_mode, requested)\n",
        tests=("tests/test_services_ui_modes.py::test_computed_shipping_cannot_be_bypassed_by_another_ui_mode",),
    ),
    Fault(
        name="an address without shipping keeps the old price",
        file="services/changing.py",
        old="    if is_rated and not options:\n",
        new="    if False:\n",
        tests=("tests/test_services_changing.py::test_address_without_shipping_leaves_the_session_unchanged",),
    ),
    Fault(
        name="an e-mail address is sent as an order number in the metadata",
        file="services/content.py",
        old="    if holds_email(reference):\n",
        new="    if False:\n",
        tests=("tests/test_services_content.py::test_reference_unfit_for_logs_or_metadata_is_refused",),
    ),
    Fault(
        name="the minimum charge is compared with each line",
        file="services/content.py",
        old='if mode == "payment" and not _may_grow(params, lines):',
        new="if True:",
        tests=("tests/test_services_content.py::test_cheap_line_is_allowed_where_more_may_be_charged",),
    ),
    *pull.FAULTS,
    *staff.FAULTS,
    *api.FAULTS,
    *alerts.FAULTS,
    *outages.FAULTS,
    *incidents.FAULTS,
    *sites.FAULTS,
    *parameters.FAULTS,
)


def main(words: list[str]) -> int:
    """Run the selected faults; return how many no test noticed."""
    chosen = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    has_threads = os.environ.get("DATABASE_URL", "sqlite").partition(":")[0] not in ("sqlite", "spatialite")
    for fault in chosen:
        if fault.needs_threads and not has_threads:
            print(f"skipped      {fault.name}: set DATABASE_URL to PostgreSQL or MariaDB", flush=True)
    run = [fault for fault in chosen if has_threads or not fault.needs_threads]
    _check_tests_pass(run)
    survived = []
    for fault in run:
        begun = time.monotonic()
        is_caught = _has_failed(fault.tests, needs_threads=fault.needs_threads, fault=fault)
        print(
            f"{'caught' if is_caught else 'SURVIVED':<12} {fault.name} ({time.monotonic() - begun:.0f} s)", flush=True
        )
        if not is_caught:
            survived.append(fault)
    print(f"{len(chosen)} faults, {len(run)} run, {len(survived)} survived")
    return len(survived)


def _check_tests_pass(faults: list[Fault]) -> None:
    """Exit if a test fails without a fault."""
    for needs_threads in (False, True):
        tests = {test: None for fault in faults if fault.needs_threads == needs_threads for test in fault.tests}
        if tests:
            _has_failed(tuple(tests), needs_threads=needs_threads)


def _has_failed(tests: tuple[str, ...], *, needs_threads: bool, fault: Fault | None = None) -> bool:
    """Whether one of the tests fails in a copy of the app, with the fault planted if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("django_checkout", "example_project", "tests"):
            shutil.copytree(ROOT / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder)
        if fault is not None:
            _plant(fault, Path(folder, APP.name, fault.file))
        env = {**os.environ, "PYTHONPATH": folder, "HYPOTHESIS_PROFILE": "default"}
        if not needs_threads:
            env.pop("DATABASE_URL", None)
        options = ["-q", "-x", "--no-migrations", "-p", "no:randomly", "-n0", "-m", ""]
        command = [sys.executable, "-m", "pytest", *options, *tests]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in (0, 1) or (done.returncode and fault is None):
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.returncode == 1


def _plant(fault: Fault, path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if source.count(fault.old) != 1:
        raise SystemExit(f"The fault {fault.name!r} no longer fits {fault.file}: update the list.")
    path.write_text(source.replace(fault.old, fault.new), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
