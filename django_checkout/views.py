"""The pages and endpoints that a browser or Stripe meets: parse, call one service, render. No rule lives here."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from django_checkout import access, forms, ledger, logs, services, webhooks
from django_checkout import health as webhook_health
from django_checkout.adapters import get_adapter, get_subject
from django_checkout.conf import conf
from django_checkout.exceptions import (
    CheckoutError,
    EventBusyError,
    HandlerError,
    OrderNotFoundError,
    OrderNotPayableError,
    SessionNotFoundError,
    SignatureError,
    TermsChangedError,
)
from django_checkout.models import CheckoutSession, Order
from django_checkout.responses import SeeOther, endpoint, leave, page
from django_checkout.states import OrderStatus, SessionStatus
from django_checkout.terms import get_terms
from django_checkout.tokens import Purpose, make_status_token, make_token
from django_checkout.tracebacks import forgetting_variables

logger = logging.getLogger("django_checkout")

#: The return page reads a session from Stripe at most this often, in seconds.
READ_INTERVAL_SECONDS = 5


@page
@require_safe
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is to be paid, with the button that starts paying: where payment links in e-mails lead."""
    order = access.get_order(request, token, Purpose.PAY)
    return _render_pay(request, order, token)


@page
@require_POST
def start(request: HttpRequest, token: str) -> HttpResponse:
    """Start paying: 303 to Stripe's page, or to the order's status where it cannot be paid (again)."""
    order = access.get_order(request, token, Purpose.PAY)
    ui_mode = request.POST.get("ui_mode") or None
    try:
        ledger.count_request(order.pk)
        session = services.start(order, ui_mode=ui_mode, request=request, token=token)
    except OrderNotPayableError:
        return SeeOther(_status_page(token))
    except CheckoutError as error:
        logger.warning("start_failed order=%s code=%s", order.reference, error.code)
        order.refresh_from_db()
        return _render_pay(request, order, token, error=error)
    order.refresh_from_db()
    if request.POST.get("terms") not in (None, get_terms(order).fingerprint):
        changed = TermsChangedError("The order was placed again with other terms than the page showed.")
        return _render_pay(request, order, token, error=changed)
    page_url = reverse("django_checkout:pay", args=[token])
    response = leave(request, session.url) if session.url else SeeOther(page_url)
    access.remember_link(request, response, order, token)
    return response


@page
@require_POST
def secret(request: HttpRequest, token: str) -> HttpResponse:
    """Give the order's owner the client secret of its open session, creating one in the ``ui_mode`` posted."""
    order = access.get_order(request, token, Purpose.PAY)
    try:
        ledger.count_request(order.pk)
        session = services.start(order, ui_mode=request.POST.get("ui_mode"), request=request, token=token)
        client_secret = services.get_client_secret(session)
    except CheckoutError as error:
        return _problem(order, token, error)
    response = JsonResponse({"client_secret": client_secret, "session_id": session.stripe_id})
    access.remember_link(request, response, order, token)
    return response


@page
@require_POST
def update(request: HttpRequest, token: str) -> HttpResponse:
    """Change the open Elements session to another shipping address or quantity; see ``forms.read_update``."""
    order = access.get_order(request, token, Purpose.PAY)
    try:
        wish = forms.read_update(request.body)
        ledger.count_request(order.pk)
        if wish.address is not None:
            services.change_shipping(order, name=wish.name, address=wish.address)
        else:
            services.change_quantity(order, sku=wish.sku, quantity=wish.quantity)
    except CheckoutError as error:
        return _problem(order, token, error)
    return JsonResponse({"ok": True})


@page
@require_safe
def return_(request: HttpRequest, token: str) -> HttpResponse:
    """Show how the payment went, reading it from Stripe if that is faster than the webhook; no personal data."""
    order = access.get_order(request, token, Purpose.STATUS)
    session = _session_of(order, request.GET.get("session_id"))
    if request.method != "HEAD":
        order = _catch_up(order, session)
    return _render_status(request, order, session, token)


@page
@require_POST
def portal(request: HttpRequest) -> HttpResponse:
    """Send a signed-in user to their Billing portal: 303, to an address that only they are given."""
    if not request.user.is_authenticated:
        raise OrderNotFoundError("Nobody is signed in.")
    back = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = request.build_absolute_uri("/")
    try:
        ledger.count_request_of_user(request.user.pk)
        customer_id = request.POST.get("customer", "")
        return leave(request, services.portal_url(request.user, return_url=back, customer_id=customer_id))
    except CheckoutError as error:
        logger.warning("portal_failed code=%s", error.code)
        context = {"error_message": error.user_message, "host_url": back}
        response = render(request, "django_checkout/message.html", context, status=error.http_status)
        if error.is_temporary:
            response["Retry-After"] = str(error.retry_after_seconds)
        return response


@page
@require_safe
def status(request: HttpRequest, token: str) -> HttpResponse:
    """Say the order's status as JSON, for pages that poll; by ``read=0`` from our rows until the session's time is up.

    Many checkouts stand open for long, and webhooks say what becomes of them: they are not worth a call each a minute.
    """
    order = access.get_order(request, token, Purpose.STATUS)
    session = _session_of(order, request.GET.get("session_id"))
    is_due = request.GET.get("read") != "0" or (session is not None and session.expires_at <= timezone.now())
    if is_due and request.method != "HEAD":
        order = _catch_up(order, session)
    return JsonResponse({"status": order.status, "outcome": get_outcome(order, session)})


@endpoint
@csrf_exempt
@require_POST
@sensitive_variables()
def webhook(request: HttpRequest) -> HttpResponse:
    """Take a delivery of Stripe's: 200 once its effects are committed, 400 if Stripe did not sign it, else 5xx.

    A body is read only up to CHECKOUT_WEBHOOK_MAX_BYTES. Any answer but 2xx makes Stripe deliver again.
    """
    try:
        with forgetting_variables():
            webhooks.accept(webhooks.read_body(request), request.headers.get("Stripe-Signature", ""))
    except Exception as error:
        return _refuse(error)
    return HttpResponse(status=200)


@endpoint
@csrf_exempt
@require_POST
@sensitive_variables()
async def awebhook(request: HttpRequest) -> HttpResponse:
    """Do the same and hold no thread while Stripe is asked for more: for sites under ASGI, CHECKOUT_ASYNC_WEBHOOK."""
    try:
        with forgetting_variables():
            await webhooks.accept.awaited(webhooks.read_body(request), request.headers.get("Stripe-Signature", ""))
    except Exception as error:
        return _refuse(error)
    return HttpResponse(status=200)


def _refuse(error: Exception) -> HttpResponse:
    """Answer Stripe where a delivery was not taken, and log why unless the inbox has."""
    if isinstance(error, SignatureError):
        logger.warning("webhook_refused reason=%s", error)
        return HttpResponse(status=error.http_status)
    if not isinstance(error, (EventBusyError, HandlerError)):
        logs.error_once(error, "webhook_failed error=%s", type(error).__name__)
    return HttpResponse(status=max(error.http_status, 500) if isinstance(error, CheckoutError) else 500)


@endpoint
@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Report how webhooks fare, for monitors: counts only, no ids; 503 with the reasons while they need attention."""
    report = webhook_health.report()
    return JsonResponse(report, status=200 if report["ok"] else 503)


def _problem(order: Order, token: str, error: CheckoutError) -> HttpResponse:
    """Answer a script: what happened, as a code and as a sentence for the shopper."""
    logger.warning("checkout_failed order=%s code=%s", order.reference, error.code)
    body = {"code": error.code, "message": str(error.user_message), "status_url": _status_page(token)}
    response = JsonResponse(body, status=error.http_status)
    if error.is_temporary:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response


def _session_of(order: Order, session_id: str | None) -> CheckoutSession | None:
    """Return the session that the URL names, if it is this order's; the latest where it names none."""
    if not session_id:
        return order.sessions.first()
    # PostgreSQL raises ValueError where a text holds NUL.
    session = order.sessions.filter(stripe_id=session_id).first() if session_id.isprintable() else None
    if session is None:
        raise SessionNotFoundError("The session is not one of this order's.")
    return session


def _catch_up(order: Order, session: CheckoutSession | None) -> Order:
    """Read the session from Stripe if it may have moved and nobody has read it just now."""
    waits = order.status in (OrderStatus.UNPAID, OrderStatus.PENDING)
    if session is None or not session.stripe_id or not waits or session.status == SessionStatus.EXPIRED:
        return order
    if not ledger.mark_synced(session.pk, now=timezone.now(), min_age_seconds=READ_INTERVAL_SECONDS):
        return order
    try:
        order = services.sync(session)
    except CheckoutError as error:
        logger.warning("return_read_failed order=%s code=%s", order.reference, error.code)
        return order
    session.refresh_from_db()
    return order


def get_outcome(order: Order, session: CheckoutSession | None) -> str:
    """Return what the shopper should read: paid, processing, failed, expired, canceled, open or refunded."""
    if order.status in (OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED):
        return "paid"
    if order.status in (OrderStatus.PENDING, OrderStatus.AUTHORIZED):
        return "processing" if order.status == OrderStatus.PENDING else "authorized"
    if order.status in (OrderStatus.REFUNDED, OrderStatus.CANCELED):
        return str(order.status)
    if session is not None and session.status == SessionStatus.EXPIRED:
        return "expired"
    if session is not None and session.status == SessionStatus.COMPLETE:
        return "failed"
    return "open"


def _status_page(token: str) -> str:
    return reverse("django_checkout:return", args=[make_status_token(token)])


def _host_url(order: Order) -> str:
    subject = get_subject(order)
    return get_adapter().return_url(subject) if subject is not None else ""


def _render_pay(request: HttpRequest, order: Order, token: str, error: CheckoutError | None = None) -> HttpResponse:
    modes, can_pay = services.ui_modes(order), order.status == OrderStatus.UNPAID
    ui_mode = "hosted_page" if error and "hosted_page" in modes else services.default_ui_mode(order)
    lines = list(order.lines.all())
    context = {
        "order": order,
        "lines": lines,
        "terms": get_terms(order, lines),
        "can_pay": can_pay,
        "ui_mode": ui_mode,
        "is_listed_by_script": can_pay and ui_mode == "elements" and not conf.script_problem,
        "start_url": reverse("django_checkout:start", args=[token]),
        "status_url": _status_page(token),
        "host_url": _host_url(order),
        "error_message": error.user_message if error else "",
    }
    response = render(request, "django_checkout/pay.html", context, status=error.http_status if error else 200)
    if error is not None and error.is_temporary:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response


def _find_pay_token(request: HttpRequest, order: Order) -> str:
    """Return the token by which this browser may pay the order, or "": the link of the status page is none."""
    return make_token(order, Purpose.PAY) if access.is_owner(request, order) else access.find_link(request, order)


def _render_status(request: HttpRequest, order: Order, session: CheckoutSession | None, token: str) -> HttpResponse:
    outcome = get_outcome(order, session)
    query = f"?session_id={session.stripe_id}" if session is not None and session.stripe_id else ""
    is_payable = order.status == OrderStatus.UNPAID and access.is_offered(request, order)
    pay_token = _find_pay_token(request, order) if is_payable else ""
    context = {
        "order": order,
        "outcome": outcome,
        "is_waiting": outcome in ("processing", "open"),
        "can_retry": bool(pay_token),
        "poll_url": reverse("django_checkout:status", args=[token]) + query,
        "pay_url": reverse("django_checkout:pay", args=[pay_token]) if pay_token else "",
        "host_url": _host_url(order),
        "title": _("Your payment"),
    }
    return render(request, "django_checkout/return.html", context)
