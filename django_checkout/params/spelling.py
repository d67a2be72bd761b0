"""Converts languages, countries and addresses to values that Stripe accepts."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-locale, except ``auto``.
_TAGS = (
    "bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl "
    "sv th tr vi zh zh-HK zh-TW"
)
LOCALES = _TAGS.split()
#: Languages that have a different tag in Django, Babel or CLDR.
_OTHER_TAGS = {
    **dict.fromkeys(("no", "nn"), "nb"),
    **dict.fromkeys(("zh-hant", "zh-hant-tw"), "zh-TW"),
    **dict.fromkeys(("zh-mo", "zh-hant-hk", "zh-hant-mo"), "zh-HK"),
    **dict.fromkeys(("es-ar", "es-cl", "es-co", "es-mx", "es-ni", "es-pe", "es-ve"), "es-419"),
    "tl": "fil",
}
_BY_TAG = {**{locale.lower(): locale for locale in LOCALES}, **_OTHER_TAGS, "auto": "auto"}

#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-shipping_address_collection:
#: ``AC`` is Ascension, ``TA`` Tristan da Cunha, ``ZZ`` anywhere.
_CODES = (
    "AC AD AE AF AG AI AL AM AO AQ AR AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CD CF CG CH CI CK CL CM CN CO CR CV CW CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FO FR GA "
    "GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IS IT JE JM JO JP "
    "KE KG KH KI KM KN KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MK ML MM MN MO MQ MR MS MT "
    "MU MV MW MX MY MZ NA NC NE NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PY QA RE RO RS RU "
    "RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT TV "
    "TW TZ UA UG US UY UZ VA VC VE VG VN VU WF WS XK YE YT ZA ZM ZW ZZ"
)
COUNTRIES = frozenset(_CODES.split())
_OTHER_COUNTRIES = {"UK": "GB", "EL": "GR"}

#: Unlike Django's default validator, it does not accept ``localhost``.
_is_email = EmailValidator(allowlist=[])


def find_locale(language: str) -> str:
    """Return Stripe's tag for a language in any spelling, or "" if Stripe does not support it."""
    parts = language.strip().replace("_", "-").lower().split("-")
    while parts:
        if (found := _BY_TAG.get("-".join(parts))) is not None:
            return found
        parts.pop()
    return ""


def find_country(code: str) -> str:
    """Return the ISO 3166-1 code of a country, or "" if Stripe collects no addresses there."""
    code = code.strip().upper()
    code = _OTHER_COUNTRIES.get(code, code)
    return code if code in COUNTRIES else ""


def find_image_url(url: str) -> str:
    """Return an image's URL, or "" if its host has no public name, such as ``localhost``."""
    host = urlsplit(url).hostname or ""
    return url if "." in host or ":" in host else ""


def find_email(address: str) -> str:
    """Return an email address, or "" if Stripe would refuse it; the shopper then enters another one."""
    address = address.strip()
    try:
        _is_email(address)
    except ValidationError:
        return ""
    return address if address.isascii() else ""
