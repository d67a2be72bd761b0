"""SetupIntents: made by a session that keeps a card without charging it, and read."""

from __future__ import annotations

from ..calls import Call, list_objects, merged_metadata
from ..ids import random_text
from ..messages import Doc
from ..world import World

KIND = "setup_intent"


def new_setup_intent(world: World, session: Doc) -> Doc:
    """Make and keep the SetupIntent of a session."""
    asked = session["_params"].get("setup_intent_data", {})
    intent = world.new(
        KIND,
        application=None,
        automatic_payment_methods=None,
        cancellation_reason=None,
        client_secret=None,
        customer=session["customer"],
        customer_account=None,
        description=asked.get("description"),
        excluded_payment_method_types=None,
        flow_directions=None,
        last_setup_error=None,
        latest_attempt=None,
        mandate=None,
        metadata=merged_metadata({}, asked.get("metadata", {})),
        next_action=None,
        on_behalf_of=asked.get("on_behalf_of"),
        payment_method=None,
        payment_method_configuration_details=None,
        payment_method_options={"card": {"mandate_options": None, "network": None, "request_three_d_secure": None}},
        payment_method_types=session["payment_method_types"],
        single_use_mandate=None,
        status="requires_payment_method",
        usage="off_session",
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(25)}"
    world.store.insert(intent)
    world.emit("setup_intent.created", intent)
    return intent


def retrieve(call: Call) -> Doc:
    """GET /v1/setup_intents/:intent."""
    return call.world.get(KIND, call.ids["intent"], "intent")


def list_intents(call: Call) -> Doc:
    """GET /v1/setup_intents."""
    return list_objects(call, KIND, ("customer", "payment_method"))
