"""The signals that notify the host.

Every signal has ``sender=Order`` and sends ``order``, our ``Order``, and ``source``, the host's row, or None if it was
deleted. The comments say when a signal is sent, how often, and with which other arguments.

A receiver runs inside the transaction that records the fact, in a savepoint of its own: what it writes and the record
of the delivery commit together. If it raises, its savepoint is rolled back and the signal is sent again later. Send
mail and call other services in ``transaction.on_commit``.
"""

from __future__ import annotations

from django.dispatch import Signal

#: The order is paid or free, and its amounts match or staff accepted them. Exactly once. ``session``: CheckoutSession.
order_paid = Signal()

#: A delayed payment is in progress. At most once per session, never after ``order_paid`` or ``order_payment_failed``.
#: ``session``: CheckoutSession, ``next_action``: NextAction or None, what the shopper has to do to pay: use a
#: voucher, make a bank transfer. Write it to them, because they may have left Stripe's page. None for a debit, and once
#: the deadline has passed.
order_pending = Signal()

#: A voucher that is not paid can be paid for less than CHECKOUT_VOUCHER_REMINDER_SECONDS. At most once per payment,
#: never once it is paid, has expired or was canceled, and not if the shopper got it later than that.
#: ``session``: CheckoutSession, ``next_action``: NextAction or None, as above.
voucher_expires_soon = Signal()

#: A delayed payment failed, and the order can be paid again. At most once per session. ``session``: CheckoutSession.
order_payment_failed = Signal()

#: A payment is authorized and can be captured. At most once per session, never after ``order_paid``.
#: ``session``: CheckoutSession.
order_authorized = Signal()

#: A refund succeeded. Exactly once per refund, after ``order_paid``. ``refund``: Refund, ``amount_minor``: int,
#: ``reason``: str (Stripe's).
order_refunded = Signal()

#: A refund failed, perhaps after it had succeeded: the shop has the money again. Exactly once per refund, after
#: ``order_paid``. ``refund``: Refund, ``amount_minor``: int, ``reason``: str (Stripe's failure reason).
refund_failed = Signal()

#: The order was canceled before it was paid. Exactly once.
order_canceled = Signal()

#: The customer disputes a payment. At most once per dispute. ``dispute``: Dispute, ``amount_minor``: int,
#: ``reason``: str (Stripe's).
order_disputed = Signal()

#: A dispute ended. Exactly once per dispute. ``dispute``: Dispute, ``amount_minor``: int, ``reason``: str (Stripe's
#: final status).
dispute_closed = Signal()

#: A session ended without a payment. Exactly once per session, unless no receiver is connected within a day. The order
#: may be paid through another session: check ``order.status`` before you remind the shopper. ``session``:
#: CheckoutSession; its ``customer_details`` hold what the shopper typed and, in ``consent``, agreed to.
session_expired = Signal()

#: A person should look at this order. At most once per reason and Stripe object, and never once the reason is gone or
#: resolved. ``reason``: str (a code of ``states.Attention``).
attention_needed = Signal()

#: A further period of a subscription was paid. Exactly once per invoice. ``subscription``: Subscription,
#: ``amount_minor``: int, ``reason``: str (Stripe's ``billing_reason``, always ``subscription_cycle``). An invoice for a
#: changed plan, for usage or made by hand starts no period: handle it with ``@handles("invoice.paid")``.
subscription_renewed = Signal()

#: An invoice of a subscription after its first, whatever it is for, could not be paid. At most once per invoice.
#: ``subscription``: Subscription, ``amount_minor``: int, ``reason``: str (Stripe's ``billing_reason``).
subscription_payment_failed = Signal()

#: A subscription ended. Exactly once. ``subscription``: Subscription, ``reason``: str (Stripe's final status).
subscription_canceled = Signal()
