"""Faults in who may read, place, pay and repeat what over the JSON API."""

from __future__ import annotations

from tests.proof.fault import Fault

CHECKOUT, ORDERS, STAFF = "tests/api/test_checkout.py", "tests/api/test_orders.py", "tests/api/test_staff.py"
IDEMPOTENCY = "tests/api/test_idempotency.py"

FAULTS = (
    Fault(
        name="an order's path leads to another order's session",
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
        tests=(f"{ORDERS}::test_owner_reads_and_lists_own_orders_only",),
    ),
    Fault(
        name="a stranger revises an order whose number is known",
        file="api/orders.py",
        old="is_new=not self._is_own(source)",
        new="is_new=False",
        tests=(f"{ORDERS}::test_stranger_neither_revises_nor_is_given_an_order_whose_number_is_known",),
    ),
    Fault(
        name="requests that call Stripe are not counted",
        file="api/orders.py",
        old="        ledger.count_request(order.pk)\n",
        new="",
        tests=("tests/test_budget.py::test_api_answers_with_a_problem",),
    ),
    Fault(
        name="a permission without is_staff reads any order",
        file="api/base.py",
        old="return bool(user and user.is_authenticated and user.is_staff and user.has_perm(",
        new="return bool(user and user.is_authenticated and user.has_perm(",
        tests=(f"{STAFF}::test_permissions_without_is_staff_open_nothing",),
    ),
    Fault(
        name="staff who may only look operate over the API",
        file="api/staff.py",
        old='permissions = {"GET": ("view_order", "operate_order")}',
        new='permissions = {"GET": ("view_order",)}',
        tests=(f"{STAFF}::test_permissions_are_asked_one_by_one",),
    ),
    Fault(
        name="staff who may only look refund over the API",
        file="api/staff.py",
        old='permissions = {"GET": ("view_order", "refund_order")}',
        new='permissions = {"GET": ("view_order",)}',
        tests=(f"{STAFF}::test_permissions_are_asked_one_by_one",),
    ),
    Fault(
        name="the token of an answer is stored",
        file="api/orders.py",
        old='return {name: value for name, value in body.items() if name != "token"}',
        new="return body",
        tests=(f"{IDEMPOTENCY}::test_token_is_not_kept",),
    ),
    Fault(
        name="a stored answer is given to who has lost the right to it",
        file="api/orders.py",
        old="        access.get_order_by_reference(self.request._request, order.reference, token=token, "
        "purpose=Purpose.PAY)\n        return",
        new="        return",
        tests=(f"{IDEMPOTENCY}::test_placed_order_is_answered_again_only_while_the_first_caller_may_see_it",),
    ),
    Fault(
        name="users share their idempotency keys",
        file="api/idempotency.py",
        old='return f"user:{request.user.pk}" if',
        new='return "user" if',
        tests=(f"{IDEMPOTENCY}::test_keys_of_others_are_others",),
    ),
    Fault(
        name="an idempotency key stands for any request",
        file="api/idempotency.py",
        old="    if row.request_hash != request_hash:\n",
        new="    if False:\n",
        tests=(f"{IDEMPOTENCY}::test_other_body_or_other_address_under_the_key_is_refused",),
    ),
    Fault(
        name="a guest's idempotency key can be guessed",
        file="api/idempotency.py",
        old="if who == GUEST and not _is_random_uuid(key):",
        new="if False:",
        tests=(f"{IDEMPOTENCY}::test_key_of_a_guest_that_could_be_guessed_is_refused",),
    ),
    Fault(
        name="a refusal uses up the idempotency key",
        file="api/idempotency.py",
        old="                        _free(row)\n",
        new="                        pass\n",
        tests=(f"{IDEMPOTENCY}::test_refused_start_leaves_its_key_to_another_request",),
    ),
)
