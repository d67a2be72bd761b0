"""What Stripe's command line calls besides the documented API. Source: https://github.com/stripe/stripe-cli."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call, Route
from django_checkout.emulator.api.resources.account import ACCOUNT_ID
from django_checkout.emulator.api.resources.methods import get_method
from django_checkout.emulator.api.resources.sessions import KIND as SESSION
from django_checkout.emulator.api.resources.webhooks import KIND as ENDPOINT
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, not_implemented, read_json
from django_checkout.emulator.reference.versions import PLAYED
from django_checkout.emulator.state.state import LISTENER, State

WEBHOOKS, THIN, LOGS = "webhooks", "v2_events", "request_logs"
#: The path of the WebSocket, as in ``wss://stripe-cli.stripe.com/subscribe/acct_1``.
SUBSCRIBE = "/subscribe/"
#: What the dashboard shows of a session.
DEVICE = (
    "device_name",
    "forward_connect_to_url",
    "forward_thin_connect_to_url",
    "forward_thin_to_url",
    "forward_to_url",
)
#: What the header of a connection says about the first of its features.
FEATURES = {WEBHOOKS: "webhook-payloads", THIN: "webhook-payloads", LOGS: "request-log-payloads"}
#: When the client reconnects. A connection to this machine need not be renewed.
RECONNECT_SECONDS = 24 * 3600
#: Filters of ``stripe logs tail`` that choose by what the log has.
FILTERS = {
    "filter_http_method",
    "filter_request_path",
    "filter_request_status",
    "filter_status_code",
    "filter_status_code_type",
}


def create_session(call: Call) -> Doc:
    """POST /v1/stripecli/sessions. The session is an endpoint that gets events while its WebSocket is open."""
    state, params = call.state, call.params
    if not state.has_websockets:
        raise not_implemented("WebSockets in a site's own server. Run manage.py checkout_emulator for them: it")
    filters = read_json(params.get("filters", ""))
    if filters is None:
        raise ApiError("Invalid JSON", param="filters")
    unknown = sorted(filters.keys() - FILTERS)
    if unknown:
        raise not_implemented(f"the filter {unknown[0]} of the command line", "filters")
    features = params["websocket_features"]
    session = state.store.insert(
        {
            "id": f"cliws_{random_text(64)}",
            "object": LISTENER,
            "api_version": None,
            "device": {name: params[name] for name in DEVICE if name in params},
            "enabled_events": ["*"],
            "features": features,
            "filters": filters,
            "secret": _secret(state),
            "status": "disabled",
            "url": "",
        }
    )
    scheme, _, rest = call.base_url.partition("://")
    return {
        "websocket_id": session["id"],
        "websocket_url": f"{'wss' if scheme == 'https' else 'ws'}://{rest}{SUBSCRIBE}{ACCOUNT_ID}",
        "websocket_authorized_feature": FEATURES[features[0]],
        "reconnect_delay": RECONNECT_SECONDS,
        "secret": session["secret"],
        "default_version": PLAYED[0],
        "latest_version": PLAYED[-1],
        "display_connect_filter_warning": False,
        "device_token": "",
    }


def retry_event(call: Call) -> Doc:
    """POST /v1/events/:id/retry. Sends the event again: to one endpoint, or to the listening command lines."""
    state, params = call.state, call.params
    event = call.target("event")
    if "account" in params:
        raise not_implemented("events of connected accounts", "account")
    if params.get("for_stripecli"):
        targets = state.store.select(LISTENER, {"status": "enabled"})
    elif "webhook_endpoint" in params:
        targets = [state.get(ENDPOINT, params["webhook_endpoint"], "webhook_endpoint")]
    else:
        raise ApiError("Missing required param: webhook_endpoint.", code="parameter_missing", param="webhook_endpoint")
    for endpoint in targets:
        state.queue(event, endpoint)
    return event


def payment_page(call: Call) -> Doc:
    """GET /v1/payment_pages/:session. Stripe's object is not public: the emulator returns the session."""
    return call.target(SESSION, "session")


def confirm_page(call: Call) -> Doc:
    """POST /v1/payment_pages/:session/confirm. Pays as the payment page does."""
    state, params = call.state, call.params
    session = call.target(SESSION, "session")
    if params["expected_amount"] != session["amount_total"]:
        raise ApiError(
            "The expected amount does not match the amount of the Checkout Session.",
            param="expected_amount",
        )
    session["_confirmed_with"] = get_method(state, params["payment_method"])["id"]
    state.run("confirm_page", session)
    return state.get(SESSION, session["id"])


def _secret(state: State) -> str:
    """Return the signing secret of all command lines, which stays the same."""
    secret = state.store.setting("cli_secret", "") or f"whsec_{random_text(64)}"
    state.store.set_setting("cli_secret", secret)
    return secret


#: Routes that Stripe's OpenAPI document does not have.
UNDOCUMENTED = {
    "GET /v1/payment_pages/{session}": Route(payment_page),
    "POST /v1/payment_pages/{session}/confirm": Route(confirm_page),
    "POST /v1/events/{id}/retry": Route(retry_event),
    "POST /v1/stripecli/sessions": Route(create_session),
}
