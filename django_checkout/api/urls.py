"""The URLs of the API: ``path("api/", include("django_checkout.api.urls"))``."""

from __future__ import annotations

from django.urls import path, register_converter

from django_checkout.api import change_of_mind, customers, document, operations, orders, staff

app_name = "django_checkout_api"


MAXIMUM_LENGTH = 255


class ReferenceConverter:
    """An order's reference or a Stripe ID. A value that cannot be one becomes "", which matches no row."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        return value if len(value) <= MAXIMUM_LENGTH and value.isprintable() else ""

    def to_url(self, value: str) -> str:
        return value


class NumberConverter:
    """A primary key, no larger than a database accepts."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(ReferenceConverter, "checkout_reference")
register_converter(NumberConverter, "checkout_number")

_ORDER = "orders/<checkout_reference:reference>"
_SESSION = f"{_ORDER}/sessions/<uuid:session_id>"
_STAFF_SESSION = "staff/sessions/<uuid:session_id>"
_DISCREPANCY = "staff/discrepancies/<checkout_number:discrepancy_id>"

urlpatterns = [
    path("openapi.json", document.openapi, name="openapi"),
    path("orders/", orders.Orders.as_view(), name="orders"),
    path(f"{_ORDER}/", orders.OrderDetail.as_view(), name="order"),
    path(f"{_ORDER}/status/", orders.OrderStatus.as_view(), name="status"),
    path(f"{_ORDER}/cancel/", change_of_mind.CancelOrder.as_view(), name="cancel-own-order"),
    path(f"{_ORDER}/another-way/", change_of_mind.AnotherWay.as_view(), name="another-way"),
    path(f"{_ORDER}/sessions/", orders.Sessions.as_view(), name="sessions"),
    path(f"{_SESSION}/expire/", orders.ExpireSession.as_view(), name="expire-session"),
    path(f"{_SESSION}/client-secret/", orders.ClientSecret.as_view(), name="client-secret"),
    path(f"{_ORDER}/consent/", orders.Consent.as_view(), name="consent"),
    path(f"{_ORDER}/shipping/", orders.Shipping.as_view(), name="shipping"),
    path(f"{_ORDER}/quantity/", orders.Quantity.as_view(), name="quantity"),
    path("subscriptions/", customers.Subscriptions.as_view(), name="subscriptions"),
    path(
        "subscriptions/<checkout_reference:subscription_id>/cancel/",
        customers.CancelSubscription.as_view(),
        name="cancel-subscription",
    ),
    path("portal/", customers.Portal.as_view(), name="portal"),
    path("staff/orders/", staff.StaffOrders.as_view(), name="staff-orders"),
    path(f"staff/{_ORDER}/", staff.StaffOrder.as_view(), name="staff-order"),
    path(f"staff/{_ORDER}/sync/", staff.SyncOrder.as_view(), name="sync-order"),
    path(f"staff/{_ORDER}/cancel/", staff.CancelOrder.as_view(), name="cancel-order"),
    path(f"staff/{_ORDER}/capture/", staff.CaptureOrder.as_view(), name="capture-order"),
    path(f"staff/{_ORDER}/refund/", staff.RefundOrder.as_view(), name="refund-order"),
    path(f"staff/{_ORDER}/accept/", staff.AcceptOrder.as_view(), name="accept-order"),
    path("staff/sessions/", staff.StaffSessions.as_view(), name="staff-sessions"),
    path(f"{_STAFF_SESSION}/", staff.StaffSession.as_view(), name="staff-session"),
    path(f"{_STAFF_SESSION}/expire/", staff.StaffExpireSession.as_view(), name="staff-expire-session"),
    path("staff/payments/", staff.StaffPayments.as_view(), name="staff-payments"),
    path("staff/events/", staff.Events.as_view(), name="staff-events"),
    path("staff/events/<checkout_reference:event_id>/replay/", staff.ReplayEvent.as_view(), name="staff-replay-event"),
    path("staff/reconciliations/", operations.Runs.as_view(), name="staff-runs"),
    path("staff/reconciliations/<checkout_number:run_id>/", operations.Run.as_view(), name="staff-run"),
    path("staff/discrepancies/", operations.Discrepancies.as_view(), name="staff-discrepancies"),
    path(f"{_DISCREPANCY}/resolve/", operations.ResolveDiscrepancy.as_view(), name="resolve-discrepancy"),
    path(f"{_DISCREPANCY}/reopen/", operations.ReopenDiscrepancy.as_view(), name="reopen-discrepancy"),
    path("staff/figures/", operations.Figures.as_view(), name="staff-figures"),
    path("staff/health/", operations.Health.as_view(), name="staff-health"),
]
