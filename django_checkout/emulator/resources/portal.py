"""Sessions of the billing portal, in which a customer ends subscriptions or lets them go on."""

from __future__ import annotations

from ..calls import Call
from ..messages import Doc
from ..world import World
from . import subscriptions
from .catalog import missing
from .session_rules import check_urls
from .sessions import page_url

KIND = "billing_portal.session"
CONFIGURATION_ID = "bpc_1EmulatorConfiguration"
#: How long the address in a session works.
LIFE_SECONDS = 3600


def create(call: Call) -> Doc:
    """POST /v1/billing_portal/sessions."""
    world, params = call.world, call.params
    if "customer" not in params:
        raise missing("customer")
    check_urls(params)
    customer = world.get("customer", params["customer"], "customer")
    session = world.new(
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
    session["url"] = f"{page_url(world, call.base_url)}/portal/{session['id']}"
    world.store.insert(session)
    world.emit("billing_portal.session.created", session)
    return session


def subscriptions_of(world: World, session: Doc) -> list[Doc]:
    """Return what the customer of a portal session has subscribed to, newest first."""
    return world.store.select(subscriptions.KIND, {"customer": session["customer"]})


def is_usable(world: World, session: Doc) -> bool:
    """Return whether the address of a portal session still works."""
    return bool(session["created"] + LIFE_SECONDS > world.clock.now())
