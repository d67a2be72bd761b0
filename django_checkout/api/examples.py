"""An example of every request and response of the API, for the OpenAPI document. Tests validate them."""

from __future__ import annotations

from typing import Any

from django_checkout.api_versions import API_VERSIONS, stripe_js_url

_AT = "2026-11-24T12:00:00Z"


def _eur(amount_minor: int, formatted: str) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "eur", "formatted": formatted}


_NOTHING = _eur(0, "€0.00")
_LINE = {
    "sku": "teapot",
    "name": "Teapot",
    "description": "",
    "image_url": "",
    "quantity": 2,
    "unit_price": _eur(2400, "€24.00"),
    "total": _eur(4800, "€48.00"),
    "recurring_interval": "",
    "recurring_interval_count": 1,
}
_TERMS = {"today": _eur(4800, "€48.00"), "trial_days": 0, "recurring": [], "text": ""}
_ORDER = {
    "reference": "TS-2026-K7M4QX",
    "status": "unpaid",
    "mode": "payment",
    "currency": "eur",
    "terms": _TERMS,
    "subtotal": _eur(4800, "€48.00"),
    "discount": None,
    "shipping": None,
    "tax": None,
    "total": None,
    "paid": _NOTHING,
    "refunded": _NOTHING,
    "lines": [_LINE],
    "created_at": _AT,
    "paid_at": None,
}
_DOCUMENT = {"kind": "receipt", "url": "/checkout/documents/12:1vQ7h2:1vQ7h2:aQ3v/receipt/"}
_UUID = "7f0d4c6e-2a52-4d0b-9d4c-2f4b8f0f6a11"
_REFUND = {
    "id": "0b0f7a52-54f5-4a53-8a8e-6d3f7d0f0c55",
    "stripe_id": "re_1",
    "amount": _eur(1000, "€10.00"),
    "status": "succeeded",
    "reason": "requested_by_customer",
    "failure_reason": "",
    "is_ours": True,
    "created_at": _AT,
    "credit_note_id": "",
    "credit_note_error": "",
}
_PAYMENT = {
    "stripe_id": "pi_1",
    "order": "TS-2026-K7M4QX",
    "livemode": False,
    "status": "succeeded",
    "amount": _eur(4800, "€48.00"),
    "captured": _eur(4800, "€48.00"),
    "charge_id": "ch_1",
    "capture_before": None,
    "refunds": [_REFUND],
    "disputes": [],
    "created_at": _AT,
}
_STAFF_SESSION = {
    "id": _UUID,
    "stripe_id": "cs_test_1",
    "order": "TS-2026-K7M4QX",
    "livemode": False,
    "status": "complete",
    "payment_status": "paid",
    "mode": "payment",
    "ui_mode": "hosted_page",
    "total": _eur(4800, "€48.00"),
    "payment": "pi_1",
    "error_code": "",
    "expires_at": _AT,
    "created_at": _AT,
    "completed_at": _AT,
}
_ROW = {
    "reference": "TS-2026-K7M4QX",
    "status": "partially_refunded",
    "disputed": False,
    "needs_attention": False,
    "livemode": False,
    "mode": "payment",
    "email": "shopper@example.com",
    "currency": "eur",
    "subtotal": _eur(4800, "€48.00"),
    "total": _eur(4800, "€48.00"),
    "paid": _eur(4800, "€48.00"),
    "refunded": _eur(1000, "€10.00"),
    "created_at": _AT,
    "paid_at": _AT,
    "canceled_at": None,
}
_HEALTH = {
    "ok": True,
    "reasons": [],
    "alerts": {},
    "last_event_seconds": 12,
    "oldest_waiting_seconds": None,
    "events_waiting": 0,
    "events_failed": 0,
    "announcements_pending": 0,
}

#: By the serializer's class name.
EXAMPLES: dict[str, Any] = {
    "OrderInput": {"lines": [{"sku": "teapot", "quantity": 2}], "currency": "eur", "email": "shopper@example.com"},
    "StartInput": {"ui_mode": "hosted_page", "return_url": "https://shop.example/done"},
    "ShippingInput": {
        "name": "Shopper",
        "address": {"country": "DE", "line1": "4 Quay Lane", "postal_code": "20457", "city": "Hamburg"},
    },
    "QuantityInput": {"sku": "teapot", "quantity": 3},
    "ConsentInput": {"terms_of_service": True, "promotions": False},
    "CancelSubscriptionInput": {"at_period_end": True},
    "PortalInput": {"return_url": "https://shop.example/account/", "customer": "cus_1"},
    "EmptyInput": {},
    "CaptureInput": {"amount_minor": 4800},
    "RefundInput": {"amount_minor": 1000, "reason": "requested_by_customer"},
    "NoteInput": {"note": "The customer called: they were promised a discount."},
    "DecisionInput": {"note": "Refunded by hand.", "outcome": "resolved"},
    "ReconcileInput": {"fix": False, "since": "2026-11-01T00:00:00Z"},
    "OrderSerializer": _ORDER,
    "OrderDetailSerializer": {**_ORDER, "payment_method": "Visa ···· 4242", "documents": [_DOCUMENT]},
    "PlacedOrderSerializer": {**_ORDER, "token": "7:1tKabc:3mZ..."},
    "SessionSerializer": {
        "id": _UUID,
        "stripe_id": "cs_test_1",
        "status": "open",
        "payment_status": "unpaid",
        "mode": "payment",
        "ui_mode": "hosted_page",
        "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        "total": _eur(4800, "€48.00"),
        "expires_at": _AT,
    },
    "StatusSerializer": {
        "status": "pending",
        "outcome": "action_needed",
        "paid": _NOTHING,
        "refunded": _NOTHING,
        "next_action": {
            "kind": "multibanco",
            "label": "Multibanco",
            "instruction": "Pay at a Multibanco machine or in your bank's app, with this entity and reference.",
            "url": "https://payments.stripe.com/multibanco/voucher/test",
            "image_url": "",
            "amount": _eur(4800, "€48.00"),
            "received": _NOTHING,
            "expires_at": _AT,
            "details": [
                {"name": "entity", "label": "Entity", "group": "", "group_label": "", "value": "12345"},
                {
                    "name": "reference",
                    "label": "Payment reference",
                    "group": "",
                    "group_label": "",
                    "value": "123456789",
                },
            ],
        },
    },
    "SecretSerializer": {
        "client_secret": "cs_test_1_secret_...",
        "publishable_key": "pk_test_...",
        "stripe_js_url": stripe_js_url(API_VERSIONS[0]),
    },
    "SubscriptionSerializer": {
        "id": "sub_1",
        "order": "TS-2026-K7M4QX",
        "customer": "cus_1",
        "status": "active",
        "is_active": True,
        "is_canceled_at_period_end": True,
        "current_period_end": _AT,
        "ended_at": None,
        "created_at": _AT,
    },
    "PortalSerializer": {"url": "https://billing.stripe.com/p/session/..."},
    "OrderRowSerializer": _ROW,
    "StaffOrderSerializer": {
        **_ROW,
        "terms": _TERMS,
        "consent": {"terms_of_service": "accepted", "promotions": "opt_out"},
        "lines": [_LINE],
        "sessions": [_STAFF_SESSION],
        "payments": [_PAYMENT],
        "attention": [
            {
                "code": "amount_mismatch",
                "fact": "cs_test_1",
                "detail": "€47.00 instead of €48.00",
                "details": {"paid_minor": 4700, "expected_minor": 4800, "currency": "eur"},
                "raised_at": _AT,
                "resolved_at": _AT,
                "note": "A coupon that the support gave.",
            }
        ],
    },
    "StaffSessionSerializer": _STAFF_SESSION,
    "PaymentSerializer": _PAYMENT,
    "RefundSerializer": _REFUND,
    "EventSerializer": {
        "stripe_id": "evt_1",
        "type": "checkout.session.completed",
        "object_id": "cs_test_1",
        "livemode": False,
        "state": "processed",
        "attempts": 1,
        "error_code": "",
        "error_message": "",
        "created_at": _AT,
        "received_at": _AT,
        "processed_at": _AT,
        "next_attempt_at": None,
    },
    "RunSerializer": {
        "id": 3,
        "scope": "orders",
        "is_fixing": False,
        "since": _AT,
        "until": _AT,
        "state": "complete",
        "seen": {"sessions": 12},
        "found": 0,
        "fixed": 0,
        "started_at": _AT,
        "finished_at": _AT,
    },
    "ReportSerializer": {
        "since": _AT,
        "until": _AT,
        "is_clean": True,
        "is_complete": True,
        "is_resumed": False,
        "seen": {"sessions": 12},
        "gone": 0,
        "drift": [],
    },
    "DiscrepancySerializer": {
        "id": 5,
        "kind": "session_without_order",
        "subject": "cs_test_9",
        "order": None,
        "here": {},
        "at_stripe": {"status": "complete"},
        "suggestion": "If the session belongs to another installation, ignore the difference with a note.",
        "state": "open",
        "note": "",
        "first_seen_at": _AT,
        "last_seen_at": _AT,
        "resolved_at": None,
    },
    "FiguresSerializer": {
        "at": _AT,
        "periods": [
            {
                "first_day": "2026-11-24",
                "days": 1,
                "revenue": [{"amount": _eur(4800, "€48.00"), "count": 1}],
                "refunds": [],
                "funnel": {"opened": 2, "completed": 1, "paid": 1, "expired": 0, "failed": 0},
            }
        ],
        "disputes": {"open": 0, "due": 0, "pressing": 0, "overdue": 0, "next_due_at": None},
        "discrepancies": {},
        "attention": 0,
        "webhooks": {**_HEALTH, "received_today": 4},
    },
    "HealthSerializer": _HEALTH,
}

#: The details that staff read, by error code: they say what happened, where a shopper's say what to do.
STAFF_DETAILS: dict[str, str] = {
    "discrepancy_settled": "The discrepancy is not in a state that allows this decision.",
    "event_busy": "Another worker is processing this event.",
    "idempotency_key_reused": "The Idempotency-Key was used for another request.",
    "invalid_amount": "An amount must not be negative.",
    "invalid_idempotency_key": "An Idempotency-Key must have 16 to 255 ASCII characters.",
    "not_capturable": "The order is paid; there is nothing to capture.",
    "not_refundable": "The order is unpaid; there is nothing to refund.",
    "nothing_to_accept": "Nothing on this order needs attention.",
    "order_not_found": "The order does not exist.",
    "order_not_payable": "The order is paid.",
    "payment_in_flight": "This refund is being sent to Stripe right now.",
    "refund_repeated": "A refund of 1000 minor units has not been answered: 7f0d4c6e-2a52-4d0b-9d4c-2f4b8f0f6a11. To "
    "refund this amount once more, repeat the request with that UUID as in_addition_to.",
    "run_busy": "Another run is in progress.",
    "session_not_found": "The session does not exist.",
    "stripe_refused": "Stripe responded with 400 charge_already_refunded (request_id=req_1).",
    "stripe_unanswered": "Unanswered: Stripe did not respond. Do not repeat the refund at Stripe: "
    "checkout_process_events sends it again with the same key, and it cannot be made twice.",
    "stripe_unavailable": "Stripe did not respond.",
}
