"""What Stripe does about an endpoint that fails for days: an e-mail, and after nine days it disables the endpoint.

https://docs.stripe.com/webhooks#behaviors has no numbers. Those here are of reported e-mails: three days to the first
(pcl-labs/meredith-core#79), nine to the second (wevote/WeVoteServer#969, woocommerce/woocommerce-gateway-stripe#1289).
"""

from __future__ import annotations

from django_checkout.emulator.api.resources.webhooks import KIND, set_status
from django_checkout.emulator.ids import new_id
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.state.state import DESTINATION, State

NOTICE_SECONDS = 3 * 24 * 3600
DISABLE_SECONDS = 9 * 24 * 3600
EMAIL = "_email"


def follow(state: State, endpoint_id: str, *, is_acknowledged: bool) -> None:
    """Follow an attempt to deliver to an endpoint of either API; the configured endpoint is never disabled."""
    endpoint = state.store.find(endpoint_id)
    if endpoint is None or endpoint["object"] not in (KIND, DESTINATION) or endpoint["status"] != "enabled":
        return
    since = endpoint.get("_failing_since")
    if is_acknowledged:
        if since is not None:
            state.update(endpoint, _failing_since=None, _is_reported=False)
        return
    now = state.clock.now()
    if since is None:
        state.update(endpoint, _failing_since=now, _is_reported=False)
    elif now - since >= DISABLE_SECONDS:
        _send(state, endpoint, f"Stripe webhook disabled: {endpoint['url']}")
        set_status(state, endpoint, "disabled")
    elif now - since >= NOTICE_SECONDS and not endpoint["_is_reported"]:
        _send(state, endpoint, f"Stripe webhook delivery issues for {endpoint['url']}")
        state.update(endpoint, _is_reported=True)


def _send(state: State, endpoint: Doc, subject: str) -> None:
    since = endpoint["_failing_since"]
    state.store.insert(
        {
            "id": new_id(EMAIL),
            "object": EMAIL,
            "created": state.clock.now(),
            "subject": subject,
            "endpoint": endpoint["id"],
            "failing_since": since,
            "disabled_at": since + DISABLE_SECONDS,
        }
    )
