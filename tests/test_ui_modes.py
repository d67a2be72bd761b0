"""Each UI mode has its part in every place; for a new one, a test fails for each place that lacks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.urls import reverse

import django_checkout
from django_checkout import services
from django_checkout.access.tokens import Purpose, make_token
from django_checkout.conf import UI_MODES
from django_checkout.emulator.api.document import parameters_of
from django_checkout.params.rules import RULES
from django_checkout.states import UIMode
from django_checkout.templatetags.checkout import register

pytestmark = [pytest.mark.django_db, pytest.mark.core]

PACKAGE = Path(django_checkout.__file__).parent
README = Path(__file__).parents[1] / "README.md"
HOSTED = "hosted_page"
#: The template tag of each mode, and what the pay page contains in it.
TAGS = {
    HOSTED: ("checkout_button", f'name="ui_mode" value="{HOSTED}"'),
    "embedded_page": ("checkout_embedded", "data-checkout-embedded"),
    "elements": ("checkout_elements", "data-checkout-elements"),
}
each_mode = pytest.mark.parametrize("mode", UI_MODES)


@each_mode
def test_mode_has_parameter_rules(mode):
    """Stripe's reference says which parameters a mode refuses."""
    assert any(mode in rule.when.get("ui_mode", ()) for rule in RULES)


@each_mode
def test_mode_can_be_started_and_is_supported_by_the_emulator(mode, order, stripe_emulator):
    session = services.start(order, ui_mode=mode)

    assert stripe_emulator.get(session.stripe_id)["ui_mode"] == mode
    assert bool(session.url) == (mode == HOSTED)
    if mode != HOSTED:
        assert services.get_client_secret(session)


@each_mode
def test_mode_has_a_template_tag_on_the_pay_page(mode, client, order, settings):
    settings.CHECKOUT_UI_MODE = mode
    tag, marker = TAGS[mode]

    page = client.get(reverse("django_checkout:pay", args=[make_token(order, Purpose.PAY)]))

    assert tag in register.tags
    assert marker in page.text


@each_mode
def test_mode_has_a_script_unless_it_is_hosted(mode):
    scripts = [path.read_text(encoding="utf-8") for path in (PACKAGE / "static/django_checkout").glob("*.js")]
    assert any(f'fetchSession({box}, "{mode}")' in script for script in scripts for box in ("box", "this.box")) == (
        mode != HOSTED
    )


@each_mode
def test_mode_has_a_label_for_the_admin(mode):
    assert UIMode(mode).label != mode


@each_mode
def test_readme_api_document_and_emulator_name_the_mode(mode):
    document = json.loads((PACKAGE / "api/openapi.json").read_text(encoding="utf-8"))
    taken = document["components"]["schemas"]["StartInput"]["properties"]["ui_mode"]
    names = [*taken.get("enum", ()), *document["components"]["schemas"].get("UiModeEnum", {}).get("enum", ())]

    assert mode in names
    assert f'"{mode}"' in README.read_text(encoding="utf-8")
    assert mode in parameters_of("POST /v1/checkout/sessions").find("ui_mode").kind.split()
