"""Faults in the JSON API's rules about who may read, place, pay and repeat requests."""

from __future__ import annotations

from tests.proof.fault import Fault

CHECKOUT, ORDERS, STAFF = "tests/api/test_checkout.py", "tests/api/test_orders.py", "tests/api/test_staff.py"
IDEMPOTENCY = "tests/api/test_idempotency.py"

FAULTS = (
    Fault(
        name="the path of an order gives the session of another order",
        file="api/orders.py",
        old="session = self.get_order_and_count().sessions.filter(uuid=",
        new="session = (self.get_order_and_count() and CheckoutSession.objects).filter(uuid=",
        tests=(f"{CHECKOUT}::test_session_of_another_order_is_not_found",),
    ),
    Fault(
        name="everybody's orders are listed",
        file="api/orders.py",
        old="Order.objects.filter(user=request.user.pk)",
        new="Order.objects.all()",
        tests=(f"{ORDERS}::test_owner_reads_and_lists_only_own_orders",),
    ),
    Fault(
        name="anyone can revise an order with its number",
        file="api/orders.py",
        old="is_new=not self._is_own(source)",
        new="is_new=False",
        tests=(f"{ORDERS}::test_other_user_neither_revises_nor_gets_an_order_with_a_known_reference",),
    ),
    Fault(
        name="requests that call Stripe are not counted",
        file="api/orders.py",
        old="        ledger.count_request(order.pk)\n",
        tests=("tests/test_budget.py::test_api_answers_with_a_problem",),
    ),
    Fault(
        name="a permission without is_staff reads any order",
        file="api/base.py",
        old="return bool(user and user.is_authenticated and user.is_staff and user.has_perm(",
        new="return bool(user and user.is_authenticated and user.has_perm(",
        tests=(f"{STAFF}::test_permissions_without_is_staff_give_no_access",),
    ),
    Fault(
        name="staff with view permission operate in the API",
        file="api/staff.py",
        old='permissions = {"GET": ("view_order", "operate_order")}',
        new='permissions = {"GET": ("view_order",)}',
        tests=(f"{STAFF}::test_each_permission_is_checked",),
    ),
    Fault(
        name="staff with view permission refund in the API",
        file="api/staff.py",
        old='permissions = {"GET": ("view_order", "refund_order")}',
        new='permissions = {"GET": ("view_order",)}',
        tests=(f"{STAFF}::test_each_permission_is_checked",),
    ),
    Fault(
        name="the token of an answer is stored",
        file="api/orders.py",
        old='return {name: value for name, value in body.items() if name != "token"}',
        new="return body",
        tests=(f"{IDEMPOTENCY}::test_token_is_not_stored",),
    ),
    Fault(
        name="a stored response is returned to a client without access",
        file="api/orders.py",
        old="        get_order_by_reference(self.request._request, order.reference, token=token, "
        "purpose=Purpose.PAY)\n        return",
        new="        return",
        tests=(f"{IDEMPOTENCY}::test_placed_order_is_repeated_only_while_the_caller_has_a_right_to_it",),
    ),
    Fault(
        name="users share their idempotency keys",
        file="api/idempotency.py",
        old='return f"user:{request.user.pk}" if',
        new='return "user" if',
        tests=(f"{IDEMPOTENCY}::test_users_do_not_share_keys",),
    ),
    Fault(
        name="an idempotency key answers any request",
        file="api/idempotency.py",
        old="    if row.request_hash != request_hash:\n",
        new="    if False:\n",
        tests=(f"{IDEMPOTENCY}::test_key_with_another_body_or_path_is_refused",),
    ),
    Fault(
        name="a guest's idempotency key can be guessed",
        file="api/idempotency.py",
        old="if who == GUEST and not _is_random_uuid(key):",
        new="if False:",
        tests=(f"{IDEMPOTENCY}::test_guessable_key_of_a_guest_is_refused",),
    ),
    Fault(
        name="a refusal uses up the idempotency key",
        file="api/idempotency.py",
        old="            _release(row)\n",
        new="            pass\n",
        tests=(f"{IDEMPOTENCY}::test_refused_start_releases_its_key",),
    ),
)
