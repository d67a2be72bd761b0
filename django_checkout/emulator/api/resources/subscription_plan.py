"""The items and the billing cycle of a subscription after an update."""

from __future__ import annotations

from django_checkout.emulator.api.calls import list_of
from django_checkout.emulator.api.resources import prorations, subscriptions, tax_rates
from django_checkout.emulator.api.resources.pricing import inside
from django_checkout.emulator.api.resources.subscription_params import anchor_of, check_future, new_line
from django_checkout.emulator.messages import ApiError, Doc, without_hidden
from django_checkout.emulator.reference.periods import end_of_period
from django_checkout.emulator.state.state import State


class Plan:
    """The items and the billing cycle after an update."""

    def __init__(self, state: State, subscription: Doc, params: Doc) -> None:
        self._state, self._subscription, self._params = state, subscription, params
        self._before = subscription["items"]["data"]
        sent = params.get("items")
        self._after = replaced_items(state, subscription, sent) if sent is not None else self._before
        end = params.get("trial_end")
        self.trial_end: int | None = end if isinstance(end, int) else None
        if self.trial_end is not None:
            check_future(state, self.trial_end, "trial_end")
        ends_trial = end == "now" and subscription["status"] == "trialing"
        resets = anchor_of(params) == "now"
        intervals = [{_interval(item) for item in items} for items in (self._before, self._after)]
        on_trial = subscription["status"] == "trialing" and not ends_trial
        changed = intervals[0] != intervals[1] and not on_trial
        self.is_restarted = self.trial_end is None and (ends_trial or resets or changed)
        self._behavior = params.get("proration_behavior", "create_prorations")
        self._at = params.get("proration_date") or state.clock.now()
        self.ends_trial = ends_trial
        self.is_billed_now = self.is_restarted or (self._behavior == "always_invoice" and self._after != self._before)

    def changes(self) -> Doc:
        """Return the changes of the subscription, and create the prorations."""
        changed = self._after != self._before
        is_charged = self._subscription["status"] not in ("trialing", "incomplete")
        if is_charged and self._behavior != "none" and (changed or self.is_restarted or self.trial_end):
            left = [] if self.is_restarted or self.trial_end else self._after
            prorations.prorate(self._state, self._subscription, self._before, left, self._at)
        fields: Doc = {}
        after = self._after
        if self.is_restarted:
            now = self._state.clock.now()
            after = [restarted(item, now) for item in after]
            fields.update(billing_cycle_anchor=now, status=self._status())
            if self.ends_trial:
                fields["trial_end"] = now
        elif self.trial_end:
            after = [{**item, "current_period_end": self.trial_end} for item in after]
            fields.update(
                billing_cycle_anchor=self.trial_end,
                status="trialing",
                trial_end=self.trial_end,
                trial_start=self._subscription["trial_start"] or self._state.clock.now(),
            )
        if after != self._before:
            fields["items"] = list_of(after, self._subscription["items"]["url"])
        return fields

    def _status(self) -> str:
        return "active" if self._subscription["status"] == "trialing" else self._subscription["status"]


def _interval(item: Doc) -> tuple[str, int]:
    return item["price"]["recurring"]["interval"], item["price"]["recurring"]["interval_count"]


def restarted(item: Doc, now: int) -> Doc:
    """Return an item whose period begins now."""
    end = end_of_period(now, item["price"]["recurring"])
    return {**item, "current_period_start": now, "current_period_end": end}


def replaced_items(state: State, subscription: Doc, params: list[Doc]) -> list[Doc]:
    """Return the items after an update: items with an id are changed or deleted, others added."""
    items = {item["id"]: item for item in subscription["items"]["data"]}
    currency = subscription["currency"]
    for index, sent in enumerate(params):
        param = f"items[{index}]"
        if "id" not in sent:
            line = new_line(state, sent, param, currency)
            if any(item["price"]["id"] == line["price"]["id"] for item in items.values()):
                # https://docs.stripe.com/billing/subscriptions/multiple-products
                message = (
                    f"Cannot add multiple subscription items with the same price: {line['price']['id']}. Use "
                    "`quantity`."
                )
                raise ApiError(message, param=inside(param, "price"))
            added = subscriptions.new_item(state, subscription, line, subscriptions.period_end(subscription))
            items[added["id"]] = added
            continue
        if sent["id"] not in items:
            message = f"No such subscription item: '{sent['id']}'"
            raise ApiError(message, code="resource_missing", param=inside(param, "id"))
        if sent.get("deleted"):
            del items[sent["id"]]
        else:
            items[sent["id"]] = changed_item(state, items[sent["id"]], sent, param, currency)
    if not items:
        # https://docs.stripe.com/api/subscription_items/delete
        raise ApiError("A subscription must have at least one active plan.", param="items")
    return list(items.values())


def changed_item(state: State, item: Doc, sent: Doc, param: str, currency: str) -> Doc:
    """Return an item after a change of its price, quantity, metadata or tax rates."""
    changed = dict(item)
    if "price" in sent or "price_data" in sent:
        line = new_line(state, {**sent, "quantity": sent.get("quantity", 1)}, param, currency)
        # Without `quantity`, a new price is bought once.
        changed.update(price=without_hidden(line["price"]), quantity=line["quantity"])
    elif "quantity" in sent:
        if sent["quantity"] < 0:
            raise ApiError("Invalid non-negative integer", param=inside(param, "quantity"))
        changed["quantity"] = sent["quantity"]
    if "tax_rates" in sent:
        rates = tax_rates.usable_rates(state, sent["tax_rates"] or [], inside(param, "tax_rates"))
        changed["tax_rates"] = [without_hidden(rate) for rate in rates]
    if "metadata" in sent:
        changed["metadata"] = {**item["metadata"], **(sent["metadata"] or {})}
    return changed
