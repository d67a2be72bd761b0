"""What each trigger of Stripe's command line does with the emulator. ``test_stripe_cli.py`` runs them all."""

from __future__ import annotations

from dataclasses import dataclass

#: The version of the command line that has these triggers; ``tox.ini`` installs it.
VERSION = "1.52"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One name that ``stripe trigger`` takes, and what comes of it.

    ``refusal`` is part of the error that the trigger ends with when it is called as it is. ``arguments`` make it
    succeed all the same. ``event`` is the type of the event that it causes then, which for two is not their name.
    """

    name: str
    event: str = ""
    arguments: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def works(self) -> bool:
        """Return whether the trigger causes its event."""
        return bool(self.event)


#: Those that work as they are.
PLAIN = """
balance.available billing_portal.configuration.created billing_portal.configuration.updated
billing_portal.session.created cash_balance.funds_available charge.captured charge.dispute.closed
charge.dispute.created charge.dispute.updated charge.failed charge.refund.updated charge.refunded charge.succeeded
checkout.session.async_payment_failed checkout.session.async_payment_succeeded checkout.session.completed
checkout.session.expired coupon.created coupon.deleted coupon.updated credit_note.created credit_note.updated
credit_note.voided customer.created customer.deleted customer.source.created customer.source.updated
customer.subscription.created customer.subscription.deleted customer.subscription.paused
customer.subscription.trial_will_end customer.subscription.updated customer.updated
customer_cash_balance_transaction.created invoice.created invoice.deleted invoice.finalized
invoice.marked_uncollectible invoice.paid invoice.payment_action_required invoice.payment_failed
invoice.payment_succeeded invoice.sent invoice.updated invoice.voided invoiceitem.created invoiceitem.deleted
payment_intent.amount_capturable_updated payment_intent.canceled payment_intent.created
payment_intent.payment_failed payment_intent.processing payment_intent.requires_action payment_intent.succeeded
payment_link.created payment_link.updated payment_method.attached payment_method.detached payout.created
payout.updated plan.created plan.deleted plan.updated price.created price.updated product.created product.deleted
product.updated quote.accepted quote.canceled quote.created quote.finalized setup_intent.canceled
setup_intent.created setup_intent.setup_failed setup_intent.succeeded tax_rate.created tax_rate.updated
test_helpers.test_clock.advancing test_helpers.test_clock.created test_helpers.test_clock.deleted
test_helpers.test_clock.ready
"""
#: Names that are no type of event, with the event that they cause.
NAMED = {
    "subscription.payment_failed": "invoice.payment_failed",
    "subscription.payment_succeeded": "invoice.payment_succeeded",
}
NO_COUPON = "Received unknown parameter: coupon"
NO_RETURN_URL = "A `return_url` must be specified"
#: What replaces the coupon of a promotion code in the versions that are implemented.
PROMOTION = (
    "--remove=promotion_code:coupon",
    "--add=promotion_code:promotion[type]=coupon",
    "--add=promotion_code:promotion[coupon]=${coupon:id}",
)
#: What replaces the iterations of a phase in these versions.
PHASES = (
    "--remove=subscription_schedule:phases",
    "--add=subscription_schedule:phases[0][items][0][price]=${price:id}",
    "--add=subscription_schedule:phases[0][duration][interval]=month",
)
#: By the error that they end with, those that work with more arguments. These versions do not have the parameters that
#: they send, so that an account of such a version gets the same error from Stripe.
WITH_ARGUMENTS = {
    NO_COUPON: {
        "promotion_code.created": PROMOTION,
        "promotion_code.updated": PROMOTION,
    },
    "Received unknown parameter: phases[0][iterations]": {
        f"subscription_schedule.{name}": PHASES for name in ("canceled", "completed", "created", "released", "updated")
    },
    # It sends a type of transfer that Stripe's document does not have.
    "payment_method_options[customer_balance][bank_transfer][type]": {
        "payment_intent.partially_funded": (
            "--override=payment_intent:payment_method_options.customer_balance.bank_transfer.type=jp_bank_transfer",
        ),
    },
    # It ends nine days before the end of the schedule, and Stripe announces that seven days before.
    "": {
        "subscription_schedule.expiring": ("--override=advance_test_clock:frozen_time=1579737600",),
    },
    NO_RETURN_URL: {
        "payment_method.updated": ("--add=setup_intent:return_url=https://shop.example.com/",),
        "setup_intent.requires_action": ("--add=setup_intent:return_url=https://shop.example.com/",),
    },
}
#: By the error that they end with, those that do not work.
REFUSED = {
    "the operation POST /v1/accounts": "account.application.deauthorized account.updated",
    "the operation POST /v1/identity/verification_sessions": """
        identity.verification_session.canceled identity.verification_session.created
        identity.verification_session.redacted
    """,
    "the operation POST /v1/issuing/cardholders": """
        issuing_authorization.request issuing_authorization.request.eu issuing_authorization.request.gb
        issuing_card.created issuing_card.created.eu issuing_card.created.gb issuing_cardholder.created
        issuing_cardholder.created.eu issuing_cardholder.created.gb issuing_transaction.created
        issuing_transaction.purchase_details_receipt_updated issuing_transaction.updated
    """,
    "the operation POST /v1/reporting/report_runs": "reporting.report_run.succeeded",
    "the operation POST /v1/topups": "topup.created",
    "a schedule that begins in the future": "subscription_schedule.aborted",
    NO_COUPON: "customer.discount.created customer.discount.deleted customer.discount.updated",
    # With `return_url` they end at POST /v1/accounts.
    NO_RETURN_URL: "transfer.created transfer.reversed transfer.updated",
    "the operation GET /v1/billing/meters": "v1.billing.meter.error_report_triggered",
    "the API version 2024-09-30.acacia": "v1.billing.meter.no_meter_found",
}


def triggers() -> list[Trigger]:
    """Return all triggers, sorted by name."""
    found = [Trigger(name=name, event=name) for name in PLAIN.split()]
    found += [Trigger(name=name, event=event) for name, event in NAMED.items()]
    found += [
        Trigger(name=name, event=name, arguments=arguments, refusal=refusal)
        for refusal, names in WITH_ARGUMENTS.items()
        for name, arguments in names.items()
    ]
    found += [Trigger(name=name, refusal=refusal) for refusal, names in REFUSED.items() for name in names.split()]
    return sorted(found, key=lambda trigger: trigger.name)


def summary() -> str:
    """Return how many triggers work."""
    rows = triggers()
    working = [trigger for trigger in rows if trigger.works]
    more = sum(bool(trigger.arguments) for trigger in working)
    return f"{len(working)} of the {len(rows)} triggers work, {more} of them with more arguments"
