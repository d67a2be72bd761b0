"""The test values of Stripe's documentation, as tables: cards, e-mail addresses, confirmation numbers.

The cards are those of https://docs.stripe.com/testing. Their columns are the number; the names after ``pm_card_`` and
``tok_``; brand, country and funding; and what happens: ``-`` if the payment succeeds in an account with Stripe's
default settings, or words joined by ``+``: an effect, a decline, a check that fails, a level of risk, or when the card
requires 3-D Secure.
"""

from __future__ import annotations

from dataclasses import dataclass


def _(message: str) -> str:
    """Mark a message for translation. Django's marker would read settings when this module is imported."""
    return message


CARDS = """
4242424242424242 visa,us visa US credit -
5555555555554444 mastercard mastercard US credit -
4000000000000002 visa_chargeDeclined visa US credit generic_decline
4000000000009995 visa_chargeDeclinedInsufficientFunds visa US credit insufficient_funds
4000002500003155 authenticationRequiredOnSetup visa FR credit authenticate_unless_saved
4000000000009987 visa_chargeDeclinedLostCard visa US credit lost_card
4000000000009979 visa_chargeDeclinedStolenCard visa US credit stolen_card
4000000000000069 chargeDeclinedExpiredCard visa US credit expired_card
4000000000000127 chargeDeclinedIncorrectCvc visa US credit incorrect_cvc
4000000000000119 chargeDeclinedProcessingError visa US credit processing_error
4000000000006975 visa_chargeDeclinedVelocityLimitExceeded visa US credit card_velocity_exceeded
4000002760003184 authenticationRequired visa DE credit authenticate
4000003800000446 authenticationRequiredSetupForOffSession visa IT credit authenticate_on_session
4000008260003178 authenticationRequiredChargeDeclinedInsufficientFunds visa GB credit authenticate+insufficient_funds
4000000000003220 threeDSecure2Required visa US credit authenticate
4000008400001629 threeDSecureRequiredChargeDeclined visa US credit authenticate+generic_decline
4000008400001280 threeDSecureRequiredProcessingError visa US credit processing_error
4000000000003055 threeDSecureOptional visa US credit authenticate_if_requested
4000000000000341 chargeCustomerFail visa US credit later_fails
4000000000000259 createDispute visa US credit dispute
4000000000002685 createDisputeProductNotReceived visa US credit dispute_not_received
4000000000001976 createDisputeInquiry visa US credit dispute_inquiry
4000000000005423 createIssuerFraudRecord visa US credit fraud_warning
4000000000007726 pendingRefund visa US credit refund_pending
4000000000005126 refundFail visa US credit refund_fails
4000000000000077 bypassPending visa US credit available
4000003720000278 bypassPendingInternational visa IE credit available
4100000000000019 radarBlock visa US credit fraudulent+risk_highest
4000000000004954 riskLevelHighest visa US credit fraudulent+risk_highest
4000000000009235 riskLevelElevated visa US credit risk_elevated
4000000000000101 cvcCheckFail visa US credit cvc_fails
4000000000000036 avsZipFail visa US credit zip_fails
4000058400307872 cvcCheckFailElevatedRisk visa US debit cvc_fails+risk_elevated
4000058400306072 avsZipFailElevatedRisk visa US debit zip_fails+risk_elevated
4000000000000028 avsLine1Fail visa US credit line1_fails
4000000000000010 avsFail visa US credit zip_fails+line1_fails
4000000000000044 avsUnchecked visa US credit unchecked
4000008400000407 highFraudDisputeScore visa US credit -
4000008400000159 highEfwScore visa US credit -
4000008400001017 radarDynamicRiskThreshold visa US credit -
4001858821843804 freeTrialAbuseBlock visa US credit -
4000008405600003 adaptive3dsChallenge visa US credit -
4000582600000094 - visa US credit authenticate
4000582600000045 - visa US credit authenticate
4000582600000102 - visa US credit authenticate
4000582600000110 - visa US credit authenticate
4000056655665556 visa_debit visa US debit -
2223003122003222 - mastercard US credit -
5200828282828210 mastercard_debit mastercard US debit -
5105105105105100 mastercard_prepaid mastercard US prepaid -
378282246310005 amex,amex_threeDSecureNotSupported amex US credit -
371449635398431 - amex US credit -
6011111111111117 discover discover US credit -
6011000990139424 - discover US credit -
6011981111111113 - discover US debit -
3056930009020004 diners diners US credit -
36227206271667 - diners US credit -
3566002020360505 jcb jcb JP credit -
6200000000000005 unionpay unionpay CN credit -
6200000000000047 - unionpay CN debit -
6205500000000000004 - unionpay CN credit -
4000002500001001 visa_cartesBancaires visa FR credit -
5555552500001001 - mastercard FR credit -
4000000320000021 ar visa AR credit -
4000000760000002 br visa BR credit -
4000001240000000 ca visa CA credit -
4000001520000001 cl visa CL credit -
4000001700000003 co visa CO credit -
4000001880000005 cr visa CR credit -
4000002180000000 ec visa EC credit -
4000004840008001 mx visa MX credit -
4000005910000000 pa visa PA credit -
4000006000000066 py visa PY credit -
4000006040000068 pe visa PE credit -
4000008580000003 uy visa UY credit -
4000007840000001 ae visa AE credit -
5200007840000022 ae_mastercard mastercard AE credit -
4000000400000008 at visa AT credit -
4000000560000004 be visa BE credit -
4000001000000000 bg visa BG credit -
4000001120000005 by visa BY credit -
4000001910000009 hr visa HR credit -
4000001960000008 cy visa CY credit -
4000002030000002 cz visa CZ credit -
4000002080000001 dk visa DK credit -
4000002330000009 ee visa EE credit -
4000002460000001 fi visa FI credit -
4000002500000003 fr visa FR credit -
4000002760000016 de visa DE credit -
4000002920000005 gi visa GI credit -
4000003000000030 gr visa GR credit -
4000003480000005 hu visa HU credit -
4000003720000005 ie visa IE credit -
4000003800000008 it visa IT credit -
4000004280000005 lv visa LV credit -
4000004380000004 li visa LI credit -
4000004400000000 lt visa LT credit -
4000004420000006 lu visa LU credit -
4000004700000007 mt visa MT credit -
4000005280000002 nl visa NL credit -
4000005780000007 no visa NO credit -
4000006160000005 pl visa PL credit -
4000006200000007 pt visa PT credit -
4000006420000001 ro visa RO credit -
4000006820000007 - visa SA credit -
4000007050000006 si visa SI credit -
4000007030000001 sk visa SK credit -
4000007240000007 es visa ES credit -
4000007520000008 se visa SE credit -
4000007560000009 ch visa CH credit -
4000008260000000 gb visa GB credit -
4000058260000005 gb_debit visa GB debit -
5555558265554449 gb_mastercard mastercard GB credit -
4000000360000006 au visa AU credit -
4000050360000001 - visa AU debit -
5555050360000080 - mastercard AU debit -
4000001560000002 cn visa CN credit -
4000003440000004 hk visa HK credit -
4000003560000008 in visa IN credit -
4000003920000003 jp visa JP credit -
3530111333300000 - jcb JP credit -
4000004580000002 my visa MY credit -
4000005540000008 nz visa NZ credit -
4000007020000003 sg visa SG credit -
4000001580000008 tw visa TW credit -
4000007640000003 th_credit visa TH credit -
4000057640000008 th_debit visa TH debit -
"""
#: Numbers of that page that do more than the emulator does: several disputes, other evidence, captchas.
NOT_PLAYED = (
    "4000000404000079 4000000404000038 4000008400000779 5105008400000002 4000000001000043 4000000000001208 "
    "4000000000003725 4000000000003097 4000051230000072 6555900000604105"
)
#: The titles of the cards that the payment page shows; pages translate them.
TITLES = {
    "4242424242424242": _("Succeeds"),
    "5555555555554444": _("Succeeds (Mastercard)"),
    "4000000000000002": _("Declined"),
    "4000000000009995": _("Insufficient funds"),
    "4000002500003155": _("3-D Secure required"),
    "4000000000009987": _("Lost card"),
    "4000000000009979": _("Stolen card"),
    "4000000000000069": _("Expired card"),
    "4000000000000127": _("Incorrect CVC"),
    "4000000000000119": _("Processing error"),
    "4000000000006975": _("Spending limit exceeded"),
    "4000002760003184": _("3-D Secure, always"),
    "4000003800000446": _("3-D Secure, except off session"),
    "4000008260003178": _("3-D Secure, then insufficient funds"),
    "4000000000003220": _("3-D Secure 2"),
    "4000008400001629": _("3-D Secure, then declined"),
    "4000008400001280": _("3-D Secure cannot be reached"),
    "4000000000003055": _("3-D Secure supported"),
    "4000000000000341": _("Succeeds, later charges fail"),
    "4000000000000259": _("Succeeds, then disputed"),
    "4000000000002685": _("Succeeds, then disputed as not received"),
    "4000000000001976": _("Succeeds, then an inquiry"),
    "4000000000005423": _("Succeeds, early fraud warning"),
    "4000000000007726": _("Refund stays pending at first"),
    "4000000000005126": _("Refund succeeds, later fails"),
    "4000000000000077": _("Succeeds, funds available at once"),
    "4000003720000278": _("Succeeds, funds available at once (Ireland)"),
    "4100000000000019": _("Blocked as too risky"),
    "4000000000004954": _("Highest risk"),
    "4000000000009235": _("Succeeds, elevated risk"),
    "4000000000000101": _("Succeeds, CVC check fails"),
    "4000000000000036": _("Succeeds, postal code check fails"),
    "4000058400307872": _("Elevated risk, CVC check fails"),
    "4000058400306072": _("Elevated risk, postal code check fails"),
    "4000000000000028": _("Succeeds, street check fails"),
    "4000000000000010": _("Succeeds, address checks fail"),
    "4000000000000044": _("Succeeds, address cannot be checked"),
    "4000056655665556": _("Visa debit"),
    "2223003122003222": _("Mastercard (2-series)"),
    "5200828282828210": _("Mastercard debit"),
    "5105105105105100": _("Mastercard prepaid"),
    "378282246310005": _("American Express"),
    "6011111111111117": _("Discover"),
    "3056930009020004": _("Diners Club"),
    "3566002020360505": _("JCB"),
    "6200000000000005": _("UnionPay"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What test mode does with a voucher: it is paid or ends after some seconds, or neither happens by itself.

    ``word`` is how the part of the e-mail address before the @ ends.
    """

    word: str
    title: str
    paid_after_seconds: int | None = None
    ends_after_seconds: int | None = None


#: "Within several seconds" are three in stripe-samples/accept-a-payment.
SOON_SECONDS, DELAY_SECONDS = 3, 180
#: Of vouchers and Pix: https://docs.stripe.com/payments/konbini/accept-a-payment#test-integration, and the pages of
#: OXXO, Boleto, Multibanco and Pix.
OUTCOMES = (
    Outcome(word="", title=_("Is paid after three minutes"), paid_after_seconds=DELAY_SECONDS),
    Outcome(word="succeed_immediately", title=_("Is paid at once"), paid_after_seconds=SOON_SECONDS),
    Outcome(word="expire_immediately", title=_("Expires at once"), ends_after_seconds=0),
    Outcome(word="expire_with_delay", title=_("Expires after three minutes"), ends_after_seconds=DELAY_SECONDS),
    Outcome(word="fill_never", title=_("Is not paid, and expires")),
)
#: The konbini confirmation numbers of the same outcomes, which count more than the e-mail address.
CONFIRMATION_NUMBERS = ("11111111110", "22222222220", "33333333330", "44444444440", "55555555550")
REJECTED_NUMBER = "01234567890"


def outcome_of(email: str | None, confirmation_number: str = "") -> Outcome:
    """Return what test mode does with the voucher of a shopper."""
    if confirmation_number in CONFIRMATION_NUMBERS:
        return OUTCOMES[CONFIRMATION_NUMBERS.index(confirmation_number)]
    name = (email or "").partition("@")[0]
    return next((outcome for outcome in OUTCOMES[1:] if name.endswith(outcome.word)), OUTCOMES[0])
