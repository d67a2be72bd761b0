"""SetupIntents of sessions that save a card without charging it."""

from __future__ import annotations

from django_checkout.emulator.api.calls import merged_metadata
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import State

KIND = "setup_intent"
#: Fields of a new object that are null.
NULLS = (
    "application automatic_payment_methods cancellation_reason client_secret customer_account "
    "excluded_payment_method_types flow_directions last_setup_error latest_attempt mandate next_action "
    "payment_method payment_method_configuration_details single_use_mandate"
)


def new_setup_intent(state: State, session: Doc) -> Doc:
    """Create the SetupIntent of a session."""
    asked = session["_params"].get("setup_intent_data", {})
    intent = state.new(
        KIND,
        NULLS,
        customer=session["customer"],
        description=asked.get("description"),
        metadata=merged_metadata({}, asked.get("metadata", {})),
        on_behalf_of=asked.get("on_behalf_of"),
        payment_method_options={"card": {"mandate_options": None, "network": None, "request_three_d_secure": None}},
        payment_method_types=session["payment_method_types"],
        status="requires_payment_method",
        usage="off_session",
    )
    intent["client_secret"] = f"{intent['id']}_secret_{random_text(25)}"
    state.store.insert(intent)
    state.emit("setup_intent.created", intent)
    return intent
