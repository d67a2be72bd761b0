"""The news we tell the host.

Every signal has ``sender=Order`` and sends ``order`` (our ``Order``) and ``source`` (the host's own row, or None if it
is gone). A receiver runs inside the transaction that recorded the news, in a savepoint of its own: what it writes
commits together with the fact that it was told, once. If it raises, only its savepoint is rolled back and it is tried
again later. So mail and calls to other services belong in ``transaction.on_commit``.
"""

from __future__ import annotations

from django.dispatch import Signal

#: The order is paid (or free) and its amounts match. Exactly once. ``session``: CheckoutSession.
order_paid = Signal()

#: A delayed payment is on its way. At most once per session, never after paid or failed. ``session``: CheckoutSession.
order_pending = Signal()

#: A delayed payment failed; the order can be paid anew. At most once per session. ``session``: CheckoutSession.
order_payment_failed = Signal()

#: Money is reserved and can be captured. At most once per session, never after paid. ``session``: CheckoutSession.
order_authorized = Signal()

#: A refund succeeded. Exactly once per refund, after ``order_paid``. ``refund``: Refund, ``amount_minor``: int.
order_refunded = Signal()

#: A refund failed after it was asked for or even succeeded: the money is the shop's again. Exactly once per refund.
#: ``refund``: Refund, ``amount_minor``: int, ``reason``: str (Stripe's failure reason).
refund_failed = Signal()

#: The order was canceled before it was paid. Exactly once.
order_canceled = Signal()

#: The customer disputes the payment. At most once per dispute. ``amount_minor``: int, ``reason``: str (Stripe's).
order_disputed = Signal()

#: A dispute ended. Exactly once per dispute. ``amount_minor``: int, ``reason``: str (Stripe's final status).
dispute_closed = Signal()

#: A session ended without payment. Exactly once per session, unless there is no receiver within a day. The order may be
#: paid through another session: check ``order.status`` before you remind the shopper. ``session``: CheckoutSession; its
#: ``customer_details`` hold what the shopper typed, and ``consent`` among them what they agreed to.
session_expired = Signal()

#: A person should look at this order. At most once per reason. ``reason``: str (a code of states.Attention).
attention_needed = Signal()

#: A subscription's next period was paid. Exactly once per invoice. ``subscription``: Subscription,
#: ``amount_minor``: int, ``reason``: str (Stripe's ``billing_reason``, always ``subscription_cycle``). Invoices for a
#: changed plan, for usage or made by hand start no period: hear of them by ``@handles("invoice.paid")``.
subscription_renewed = Signal()

#: A subscription's later invoice, whatever for, could not be paid. At most once per invoice.
#: ``subscription``: Subscription, ``amount_minor``: int, ``reason``: str (Stripe's ``billing_reason``).
subscription_payment_failed = Signal()

#: A subscription ended. Exactly once. ``subscription``: Subscription, ``reason``: str (Stripe's final status).
subscription_canceled = Signal()
