"""Plants faults in the state model, the ledger and the inbox, one at a time, and sees each of them caught.

``python -m tests.proof.mutations`` copies the tree to a temporary folder, changes one line there, runs the tests that
hold the rule, and expects a failure. A fault that survives, or that does not fit the code any more, is an error.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
STATES, PERMUTATIONS = "tests/test_states.py", "tests/properties/test_permutations.py"
SETTLING, ANNOUNCEMENTS = "tests/test_services_settling.py", "tests/test_announcements.py"
START, WEBHOOKS, REGRESSIONS = "tests/test_services_start.py", "tests/test_webhooks.py", "tests/test_regressions.py"


@dataclass(frozen=True)
class Fault:
    """One planted fault: what it breaks, where, and which tests must notice."""

    rule: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


FAULTS = (
    Fault(
        "a state only moves forward",
        "django_checkout/states.py",
        "return max(known, said, key=rank.__getitem__)",
        "return said",
        (STATES,),
    ),
    Fault(
        "a state takes the later of two",
        "django_checkout/states.py",
        "return max(known, said, key=rank.__getitem__)",
        "return min(known, said, key=rank.__getitem__)",
        (STATES,),
    ),
    Fault(
        "a refund that fails moves the order back",
        "django_checkout/states.py",
        "    RefundStatus.FAILED: 6,",
        "    RefundStatus.FAILED: 1,",
        (STATES, SETTLING),
    ),
    Fault(
        "a delayed payment that failed is not in flight",
        "django_checkout/states.py",
        "            and not self.has_async_failed\n",
        "",
        (STATES,),
    ),
    Fault(
        "the captured amount is a maximum",
        "django_checkout/ledger/payments.py",
        "max(payment.captured_minor, fact.captured_minor or 0)",
        "fact.captured_minor or 0",
        (PERMUTATIONS, SETTLING),
    ),
    Fault(
        "which payment is kept never flips",
        "django_checkout/ledger/orders.py",
        "    if locked.order.kept_payment_id is not None:\n        return False\n",
        "",
        (SETTLING, REGRESSIONS),
    ),
    Fault(
        "only the kept payment's refunds count",
        "django_checkout/ledger/orders.py",
        "        is_kept = kept is not None and refund.payment_id == kept.pk\n",
        "        is_kept = kept is not None\n",
        (SETTLING,),
    ),
    Fault(
        "a mismatch withholds order_paid",
        "django_checkout/ledger/orders.py",
        'is_newly_kept and not is_withheld(order):\n        yield News(signal="order_paid"',
        'is_newly_kept:\n        yield News(signal="order_paid"',
        (SETTLING,),
    ),
    Fault(
        "the amount is compared",
        "django_checkout/ledger/orders.py",
        "session.amount_subtotal_minor != _expected_minor(session)",
        "session.amount_subtotal_minor is None",
        (SETTLING,),
    ),
    Fault(
        "the session paid must be of the order's revision",
        "django_checkout/ledger/orders.py",
        "session.revision != order.revision and",
        "session.revision > order.revision and",
        (START, REGRESSIONS),
    ),
    Fault(
        "news is told once",
        "django_checkout/ledger/announcements.py",
        "    except IntegrityError:\n        return\n",
        "    except IntegrityError:\n"
        "        announcement = order.announcements.get(signal=news.signal, fact=news.fact)\n",
        (ANNOUNCEMENTS, SETTLING, PERMUTATIONS),
    ),
    Fault(
        "a receiver that raises is owed",
        "django_checkout/ledger/announcements.py",
        "        return error\n    return None\n",
        "    return None\n",
        (ANNOUNCEMENTS,),
    ),
    Fault(
        "refunded is not told before paid",
        "django_checkout/ledger/announcements.py",
        "is_early = news.signal in _AFTER_PAID and not _is_paid_announced(order)",
        "is_early = False",
        (ANNOUNCEMENTS,),
    ),
    Fault(
        "news that was overtaken is not told",
        "django_checkout/ledger/announcements.py",
        "if announcement.signal in _WHILE and order.status != _WHILE[announcement.signal]:",
        "if False:",
        (ANNOUNCEMENTS,),
    ),
    Fault(
        "a slow read does not undo a later one",
        "django_checkout/ledger/tickets.py",
        "    if ticket <= row.applied:\n        return False\n",
        "",
        ("tests/properties", "tests/races"),
    ),
    Fault(
        "an order's reference alone proves nothing",
        "django_checkout/ledger/sessions.py",
        "    return None if original is None else _adopt(locked, original, fact)",
        "    return _adopt(locked, original or locked.sessions[0], fact)",
        (START, WEBHOOKS),
    ),
    Fault(
        "a failed event is not taken for a duplicate",
        "django_checkout/inbox.py",
        "        return known if known.state in _SETTLED else process(known)",
        "        return known",
        (WEBHOOKS,),
    ),
    Fault(
        "a failing event is kept",
        "django_checkout/inbox.py",
        "        _record_failure(row, error)\n        raise\n\n\ndef process",
        "        raise\n\n\ndef process",
        (WEBHOOKS,),
    ),
    Fault(
        "a handler of the host's cannot undo facts",
        "django_checkout/inbox.py",
        "            failure = error\n",
        "            raise\n",
        (WEBHOOKS,),
    ),
    Fault(
        "a timestamp from the future is refused",
        "django_checkout/gateway.py",
        "        if _signed_at(header) > now.timestamp() + tolerance:",
        "        if False:",
        (WEBHOOKS,),
    ),
    Fault(
        "a garbled answer is no refusal",
        "django_checkout/gateway.py",
        "if not isinstance(error, _definite_errors()) or status in (409, 429)",
        "if status in (409, 429)",
        (REGRESSIONS,),
    ),
    Fault(
        "one live session per order",
        "django_checkout/ledger/intentions.py",
        "        live_for=locked.order,\n",
        "",
        (START,),
    ),
    Fault(
        "the stored request is sent with the stored key",
        "django_checkout/services/checkout.py",
        "idempotency_key=str(session.uuid))",
        "idempotency_key=str(uuid.uuid4()))",
        (START,),
    ),
    Fault(
        "an unanswered refund is looked for before it is asked for",
        "django_checkout/services/money_back.py",
        "        read_refunds_and_disputes(row.payment)\n",
        "        pass\n",
        (SETTLING,),
    ),
    Fault(
        "refunds stay within what was captured",
        "django_checkout/services/money_back.py",
        "    if left <= 0:",
        "    if False:",
        (SETTLING,),
    ),
    Fault(
        "the policy refunds only where there is no doubt",
        "django_checkout/services/surplus.py",
        "    return kept.pk != surplus.pk and is_kept_sound and is_untouched",
        "    return True",
        (SETTLING,),
    ),
)


def run_one(fault: Fault, tree: Path) -> bool:
    """Plant one fault in a copy of the tree; return whether its tests noticed."""
    target = tree / fault.path
    text = target.read_text(encoding="utf-8")
    if fault.old not in text:
        raise SystemExit(f"{fault.path} has changed: the fault {fault.rule!r} does not fit any more.")
    target.write_text(text.replace(fault.old, fault.new, 1), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *fault.tests]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)  # noqa: S603
    finally:
        target.write_text(text, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.returncode == 1


def main() -> int:
    """Plant every fault, or those whose rule contains the words given; return how many survived."""
    chosen = [fault for fault in FAULTS if all(word in fault.rule for word in sys.argv[1:])]
    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv*", ".tox", "var", "__pycache__", ".hypothesis", ".*_cache")
        shutil.copytree(ROOT, tree, ignore=ignored)
        for fault in chosen:
            start = time.monotonic()
            is_caught = run_one(fault, tree)
            print(
                f"{'caught' if is_caught else 'SURVIVED':9} {time.monotonic() - start:5.1f} s  {fault.rule}", flush=True
            )
            if not is_caught:
                survivors.append(fault.rule)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} planted faults were caught.")
    return len(survivors)


if __name__ == "__main__":
    sys.exit(main())
