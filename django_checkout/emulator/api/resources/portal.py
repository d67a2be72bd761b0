"""Sessions of the billing portal."""

from __future__ import annotations

from django_checkout.emulator.api.calls import Call
from django_checkout.emulator.api.resources import subscriptions
from django_checkout.emulator.api.resources.catalog import missing
from django_checkout.emulator.api.resources.session_rules import check_urls
from django_checkout.emulator.api.resources.sessions import page_url
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State

KIND = "billing_portal.session"
CONFIGURATION_ID = "bpc_1EmulatorConfiguration"
#: How long the URL of a session is valid.
LIFE_SECONDS = 3600


def create(call: Call) -> Doc:
    """POST /v1/billing_portal/sessions."""
    state, params = call.state, call.params
    if "customer" not in params:
        raise missing("customer")
    check_urls(params)
    customer = state.get("customer", params["customer"], "customer")
    session = state.new(
        KIND,
        configuration=params.get("configuration", CONFIGURATION_ID),
        customer=customer["id"],
        customer_account=None,
        flow=None,
        locale=params.get("locale"),
        on_behalf_of=None,
        return_url=params.get("return_url"),
        url="",
    )
    session["url"] = f"{page_url(state, call.base_url)}/portal/{session['id']}"
    state.store.insert(session)
    state.emit("billing_portal.session.created", session)
    return session


def subscriptions_of(state: State, session: Doc) -> list[Doc]:
    """Return the subscriptions of a portal session's customer, newest first."""
    return state.store.select(subscriptions.KIND, {"customer": session["customer"]})


def is_usable(state: State, session: Doc) -> bool:
    """Return whether the URL of a portal session is still valid."""
    return bool(session["created"] + LIFE_SECONDS > state.clock.now())
