"""The pages and endpoints for browsers and for Stripe: each parses the request, calls one service and renders."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from django_checkout import ledger, services
from django_checkout.access.orders import get_order_of_link, get_order_with_details, may_see_details, remember_link
from django_checkout.access.tokens import Purpose
from django_checkout.access.ways_back import check_way_back
from django_checkout.conf import conf
from django_checkout.exceptions import (
    CheckoutError,
    HandlerError,
    MigrationsPendingError,
    OrderNotFoundError,
    OrderNotPayableError,
    SignatureError,
    TermsChangedError,
    WayBackError,
    is_schema_missing,
)
from django_checkout.models import CheckoutSession, Order
from django_checkout.operations import health as webhook_health
from django_checkout.operations.alerts import RUNBOOK
from django_checkout.pages import status_page
from django_checkout.pages.responses import (
    SeeOther,
    endpoint,
    followed,
    message_page,
    page,
    redirect_to_stripe,
    with_retry_after,
)
from django_checkout.pages.status_page import find_host_url, get_status_url
from django_checkout.pages.ways_back import hand_on
from django_checkout.params.terms import get_terms
from django_checkout.services import inputs, outcomes
from django_checkout.services.small_print import get_small_print
from django_checkout.states import OrderStatus
from django_checkout.telemetry import logs
from django_checkout.telemetry.tracebacks import forgetting_variables
from django_checkout.webhooks.accept import aaccept, accept, read_body
from django_checkout.webhooks.due_events import process_events_about

logger = logging.getLogger("django_checkout")


@page
@followed
@require_safe
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """Show the order and a button to pay it; payment links in e-mails lead here, and Stripe's link to cancel.

    A browser that comes from the checkout is sent on to the way back, if the session has one.
    """
    order = get_order_of_link(request, token, Purpose.PAY)
    if "canceled" in request.GET and (response := hand_on(request, order, outcomes.get_session(order))) is not None:
        return response
    return _render_pay(request, order, token)


@page
@require_POST
def start(request: HttpRequest, token: str) -> HttpResponse:
    """Start a payment: 303 to Stripe's page, or to the status page if the order cannot be paid."""
    order = get_order_of_link(request, token, Purpose.PAY)
    ui_mode = request.POST.get("ui_mode") or None
    try:
        ledger.count_request(order.pk)
        session = services.start(order, ui_mode=ui_mode, request=request, token=token)
    except OrderNotPayableError:
        return SeeOther(get_status_url(token))
    except CheckoutError as error:
        logger.warning("start_failed order=%s code=%s", order.reference, error.code)
        order.refresh_from_db()
        return _render_pay(request, order, token, error=error)
    order.refresh_from_db()
    if request.POST.get("terms") not in (None, get_terms(order).fingerprint):
        changed = TermsChangedError("The order has been placed again with terms that the page did not show.")
        return _render_pay(request, order, token, error=changed)
    page_url = reverse("django_checkout:pay", args=[token])
    response = redirect_to_stripe(request, session.url) if session.url else SeeOther(page_url)
    remember_link(request, response, order, token)
    return response


@page
@require_POST
def secret(request: HttpRequest, token: str) -> HttpResponse:
    """Return the client secret of a session in the ``ui_mode`` that was posted; start one if none is open."""
    order = get_order_of_link(request, token, Purpose.PAY)
    try:
        ledger.count_request(order.pk)
        session = services.start(order, ui_mode=request.POST.get("ui_mode"), request=request, token=token)
        client_secret = services.get_client_secret(session)
    except CheckoutError as error:
        return _problem(order, token, error)
    response = JsonResponse({"client_secret": client_secret, "session_id": session.stripe_id})
    remember_link(request, response, order, token)
    return response


@page
@require_POST
def update(request: HttpRequest, token: str) -> HttpResponse:
    """Update the address, a quantity or the consent of the open Elements session; see ``inputs.read_update``."""
    order = get_order_of_link(request, token, Purpose.PAY)
    try:
        posted = inputs.read_update(request.body)
        ledger.count_request(order.pk)
        if isinstance(posted, inputs.ShippingUpdate):
            services.change_shipping(order, name=posted.name, address=posted.address)
        elif isinstance(posted, inputs.ConsentUpdate):
            services.record_consent(order, posted.given)
        else:
            services.change_quantity(order, sku=posted.sku, quantity=posted.quantity)
    except CheckoutError as error:
        return _problem(order, token, error)
    return JsonResponse({"ok": True})


@page
@followed
@require_safe
def return_(request: HttpRequest, token: str) -> HttpResponse:
    """Show the outcome of the payment, read from Stripe if its event has not arrived; no personal data.

    A browser that comes from the checkout is sent on to the way back, if the session has one.
    """
    order = get_order_of_link(request, token, Purpose.STATUS)
    session = outcomes.get_session(order, request.GET.get("session_id"))
    if request.method != "HEAD":
        order = _updated(order, session)
    if (response := hand_on(request, order, session)) is not None:
        return response
    return render(request, "django_checkout/return.html", status_page.get_context(request, order, session, token))


def _updated(order: Order, session: CheckoutSession | None) -> Order:
    """Return the current order: process the session's events that wait for a worker, then ask Stripe if need be."""
    is_queued = conf.CHECKOUT_PROCESS_EVENTS == "task"
    if is_queued and session and outcomes.may_move(order, session) and process_events_about(session.stripe_id or ""):
        order.refresh_from_db()
        session.refresh_from_db()
    return outcomes.sync_if_due(order, session)


@page
@require_POST
def portal(request: HttpRequest) -> HttpResponse:
    """Redirect a signed-in user to their Billing portal."""
    if not request.user.is_authenticated:
        raise OrderNotFoundError("The user is not signed in.")
    try:
        back = check_way_back(request.META.get("HTTP_REFERER", ""), request)
    except WayBackError:
        # One of our own pages, whose URL has a token, or a page of another site.
        back = request.build_absolute_uri("/")
    try:
        ledger.count_request_of_user(request.user.pk)
        customer_id = request.POST.get("customer", "")
        url = services.portal_url(request.user, return_url=back, customer_id=customer_id, request=request)
        return redirect_to_stripe(request, url)
    except CheckoutError as error:
        logger.warning("portal_failed code=%s", error.code)
        return message_page(request, error, host_url=back)


@page
@followed
@require_safe
@sensitive_variables()
def document(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """Redirect to a receipt or an invoice at Stripe, whose address is read now, because it expires."""
    order = get_order_with_details(request, token)
    try:
        ledger.count_request(order.pk)
        url = services.find_document_url(order, kind)
    except CheckoutError as error:
        logger.warning("document_failed order=%s code=%s", order.reference, error.code)
        return message_page(request, error, host_url=find_host_url(request, order))
    if not url:
        raise OrderNotFoundError("Stripe has no such document of this order.")
    response = SeeOther(url)
    response["Referrer-Policy"] = "no-referrer"
    return response


@page
@require_safe
def status(request: HttpRequest, token: str) -> HttpResponse:
    """Return the order's status and outcome as JSON, for pages that poll; to its shopper also their next action.

    With ``read=0`` Stripe is called only once the session should have expired: pages poll for as long as they are open,
    and webhooks report the rest.
    """
    order = get_order_of_link(request, token, Purpose.STATUS)
    session = outcomes.get_session(order, request.GET.get("session_id"))
    is_due = request.GET.get("read") != "0" or (session is not None and session.expires_at <= timezone.now())
    if is_due and request.method != "HEAD":
        order = _updated(order, session)
    body: dict[str, Any] = {"status": order.status, "outcome": outcomes.get_outcome(order, session)}
    if may_see_details(request, order) and (action := status_page.find_shown_action(order, session)):
        body["next_action"] = action.as_json()
    return JsonResponse(body)


@endpoint
@csrf_exempt
@require_POST
@sensitive_variables()
def webhook(request: HttpRequest) -> HttpResponse:
    """Accept an event from Stripe: 200 once its effects are committed, 400 for a bad signature, otherwise 5xx.

    Another delivery of an event that is being processed gets 200 as well.

    At most CHECKOUT_WEBHOOK_MAX_BYTES of the body are read. Stripe retries the delivery after any response but 2xx.
    """
    try:
        with forgetting_variables():
            accept(read_body(request), request.headers.get("Stripe-Signature", ""))
    except Exception as error:
        return _refuse(error)
    return HttpResponse(status=200)


@endpoint
@csrf_exempt
@require_POST
@sensitive_variables()
async def awebhook(request: HttpRequest) -> HttpResponse:
    """Accept an event without holding a thread during calls to Stripe: CHECKOUT_ASYNC_WEBHOOK, for sites under ASGI."""
    try:
        with forgetting_variables():
            await aaccept(read_body(request), request.headers.get("Stripe-Signature", ""))
    except Exception as error:
        return _refuse(error)
    return HttpResponse(status=200)


def _refuse(error: Exception) -> HttpResponse:
    """Return the response to a delivery that failed; log why, unless the inbox has."""
    if isinstance(error, SignatureError):
        logger.warning("webhook_refused reason=%s", error)
        return HttpResponse(status=error.http_status)
    if not isinstance(error, HandlerError):
        logs.error_once(error, "webhook_failed error=%s", type(error).__name__)
    if is_schema_missing(error):
        return HttpResponse(status=MigrationsPendingError.http_status)
    return HttpResponse(status=max(error.http_status, 500) if isinstance(error, CheckoutError) else 500)


@endpoint
@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Report the alerts and the state of webhooks to monitors, without ids: 503 with the reasons if there are any."""
    report = webhook_health.report()
    return JsonResponse({**report, "runbook": RUNBOOK}, status=200 if report["ok"] else 503)


def _problem(order: Order, token: str, error: CheckoutError) -> HttpResponse:
    """Return an error to a script: a code, and a message for the shopper."""
    logger.warning("checkout_failed order=%s code=%s", order.reference, error.code)
    body = {"code": error.code, "message": str(error.user_message), "status_url": get_status_url(token)}
    return with_retry_after(JsonResponse(body, status=error.http_status), error)


def _render_pay(request: HttpRequest, order: Order, token: str, error: CheckoutError | None = None) -> HttpResponse:
    modes, can_pay = services.ui_modes(order), order.status == OrderStatus.UNPAID
    ui_mode = "hosted_page" if error and "hosted_page" in modes else services.default_ui_mode(order)
    lines = list(order.lines.all())
    terms = get_terms(order, lines)
    context = {
        "order": order,
        "lines": lines,
        "terms": terms,
        "small_print": get_small_print(order, terms, lines),
        "can_pay": can_pay,
        "ui_mode": ui_mode,
        "is_listed_by_script": can_pay and ui_mode == "elements" and not conf.script_problem,
        "start_url": reverse("django_checkout:start", args=[token]),
        "status_url": get_status_url(token),
        "host_url": find_host_url(request, order),
        "error_message": error.user_message if error else "",
    }
    response = render(request, "django_checkout/pay.html", context, status=error.http_status if error else 200)
    return with_retry_after(response, error) if error else response
