"""The errors of events, of what is stored, and of what operators do."""

from __future__ import annotations

from django.core.exceptions import SuspiciousOperation
from django.utils.translation import gettext_lazy as _

from django_checkout.exceptions.base import CheckoutError


class SignatureError(CheckoutError, SuspiciousOperation):
    """The webhook's signature or body is invalid, too old, dated in the future, or too large."""

    code = "invalid_signature"
    http_status = 400
    #: It is signed with one of STRIPE_WEBHOOK_SECRETS, but too old or dated in the future.
    is_time_wrong = False


class EventBusyError(CheckoutError):
    """Another worker is processing this event."""

    code = "event_busy"
    http_status = 503


class ErasureError(CheckoutError):
    """The data cannot be erased: it is still needed, does not exist, or is stored at Stripe."""

    code = "not_erasable"
    http_status = 409


class EndpointError(CheckoutError):
    """The webhook endpoint at Stripe cannot be set up as requested."""

    code = "endpoint"
    http_status = 409


class RunBusyError(CheckoutError):
    """Another reconciliation run is in progress."""

    code = "run_busy"
    http_status = 409


class ReferenceTakenError(CheckoutError):
    """An order with this reference exists, and the request may not change it."""

    code = "reference_taken"
    http_status = 409
    user_message = _("There is already an order with this number.")


class WayBackError(CheckoutError):
    """Shoppers may not be sent to this ``return_url``: see CHECKOUT_RETURN_ORIGINS."""

    code = "return_url_not_allowed"
    http_status = 400
    user_message = _("The page to return to is not one of the shop's. Please contact the shop.")


class PlacingNotAllowedError(CheckoutError):
    """The host's adapter refuses to take an order from this request: see ``CheckoutAdapter.take_order``."""

    code = "placing_not_allowed"
    http_status = 403
    user_message = _("The shop does not accept this order. Please contact the shop.")


class DiscrepancySettledError(CheckoutError):
    """The difference was resolved or reopened in the meantime."""

    code = "discrepancy_settled"
    http_status = 409
    user_message = _("This difference has already been resolved or reopened.")


class IdempotencyKeyError(CheckoutError):
    """The ``Idempotency-Key`` is too short, too long or not printable ASCII, or a guest's is not a version 4 UUID."""

    code = "invalid_idempotency_key"
    http_status = 400
    user_message = _("An Idempotency-Key must have 16 to 255 ASCII characters; a guest's must be a version 4 UUID.")


class IdempotencyKeyReusedError(CheckoutError):
    """The ``Idempotency-Key`` was used for a different request."""

    code = "idempotency_key_reused"
    http_status = 409
    user_message = _("This Idempotency-Key was already used for a different request.")


class HandlerError(CheckoutError):
    """A host's event handler failed: the app's own changes are committed, and the event is retried."""

    code = "handler_failed"


class UnknownFactError(CheckoutError):
    """Stripe sent a value that this version does not know; the event is stored and can be replayed."""

    code = "unknown_fact"


class IncompleteFactError(UnknownFactError):
    """A payload lacks a field that is read; the object is retrieved from Stripe instead."""

    code = "incomplete_fact"
    http_status = 502


class DerivedColumnError(CheckoutError):
    """The site's code tried to write a column that only the ledger writes; see ``models.base``."""

    code = "derived_column"


class UnstorableFactError(UnknownFactError):
    """A value from Stripe does not fit into its column; its event is stored as failed."""

    code = "unstorable_fact"


class NotDeliverableError(CheckoutError):
    """A notification cannot be delivered: its signal has no receiver, or another one must be delivered first."""

    code = "not_deliverable"
    http_status = 409


class NotPendingError(CheckoutError):
    """A notification or event is not pending, so that it cannot be waived."""

    code = "not_pending"
    http_status = 409


class OtherSiteError(CheckoutError):
    """The row belongs to another installation: this database is a copy, or CHECKOUT_BASE_URL has changed."""

    code = "other_site"
    http_status = 409


class NotJoinableError(CheckoutError):
    """A session at Stripe cannot be joined with an order."""

    code = "not_joinable"
    http_status = 409
