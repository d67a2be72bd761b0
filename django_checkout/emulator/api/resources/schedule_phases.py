"""The phases of subscription schedules."""

from __future__ import annotations

from django_checkout.emulator.api.resources.pricing import inside, missing, one_of
from django_checkout.emulator.api.resources.subscription_params import new_line
from django_checkout.emulator.messages import ApiError, Doc, not_implemented
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import State

#: The parameters of a phase that are not played.
NOT_PLAYED = (
    "phases.add_invoice_items phases.application_fee_percent phases.automatic_tax phases.billing_cycle_anchor "
    "phases.billing_thresholds phases.collection_method phases.default_payment_method phases.on_behalf_of "
    "phases.default_tax_rates phases.description phases.discounts phases.trial_end phases.invoice_settings "
    "phases.items.billing_thresholds phases.items.discounts phases.items.metadata phases.items.price_data "
    "phases.transfer_data phases.trial"
)
#: Fields of a phase that are null here.
PHASE_NULLS = (
    "application_fee_percent billing_cycle_anchor billing_thresholds collection_method default_payment_method "
    "description invoice_settings on_behalf_of transfer_data trial_end"
)


def new_phases(state: State, params: list[Doc], start: int) -> list[Doc]:
    """Return the phases, each beginning when the one before it ends."""
    if not params:
        raise missing("phases")
    found = []
    for index, sent in enumerate(params):
        param = f"phases[{index}]"
        lines = [new_line(state, item, inside(param, f"items][{at}")) for at, item in enumerate(sent["items"])]
        begins = sent.get("start_date", start)
        begins = start if begins == "now" else begins
        if index and begins != start:
            # stripe/params/_subscription_schedule_create_params.py SubscriptionScheduleCreateParams.phases
            raise ApiError("A phase begins when the phase before it ends.", param=inside(param, "start_date"))
        end = _end(sent, begins, lines, param)
        items = [
            {"price": line["price"]["id"], "quantity": line["quantity"], "tax_rates": line["_tax_rates"]}
            for line in lines
        ]
        behavior = sent.get("proration_behavior", "create_prorations")
        found.append(new_phase(lines[0]["currency"], items, begins, end, behavior, sent.get("metadata")))
        start = end
    return found


def _end(sent: Doc, start: int, lines: list[Doc], param: str) -> int:
    if "end_date" in sent and "duration" in sent:
        raise one_of("end_date", "duration", param)
    if isinstance(sent.get("end_date"), int):
        if sent["end_date"] <= start:
            raise not_implemented("a phase that ends before it begins", inside(param, "end_date"))
        return int(sent["end_date"])
    if "duration" in sent:
        count = sent["duration"].get("interval_count", 1)
        return end_of_period(start, {"interval": sent["duration"]["interval"], "interval_count": count})
    return end_of_period(start, lines[0]["price"]["recurring"])


def new_phase(
    currency: str,
    items: list[Doc],
    start: int,
    end: int,
    proration_behavior: str = "create_prorations",
    metadata: Doc | None = None,
) -> Doc:
    return {
        **dict.fromkeys(PHASE_NULLS.split()),
        "add_invoice_items": [],
        "currency": currency,
        "default_tax_rates": [],
        "discounts": [],
        "end_date": end,
        "items": [
            {**item, "billing_thresholds": None, "discounts": [], "metadata": {}, "tax_rates": item["tax_rates"] or []}
            for item in items
        ],
        "metadata": dict(metadata or {}),
        "proration_behavior": proration_behavior,
        "start_date": start,
    }
