"""Faults in the request that Stripe gets."""

from __future__ import annotations

from tests.proof.fault import Fault

PARAMS, RULES = "tests/test_params.py", "tests/test_params_rules.py"
OPTIONS, SPELLING = "tests/test_services_options.py", "tests/test_params_spelling.py"

FAULTS = (
    Fault(
        name="an earlier option wins over a later one",
        file="params/build.py",
        old="params = _merge(params, checked_options(option))",
        new="params = _merge(checked_options(option), params)",
        tests=(f"{PARAMS}::test_options_are_merged_deeply_and_later_ones_win",),
    ),
    Fault(
        name="an attempt shares what was built",
        file="params/build.py",
        old="deepcopy(dict(params))",
        new="dict(params)",
        tests=(f"{PARAMS}::test_attempts_do_not_change_what_was_built",),
    ),
    Fault(
        name="parameters that are ours are taken from options",
        file="params/rules.py",
        old="        if name in OWN_PARAMETERS:\n            raise",
        new="        if False:\n            raise",
        tests=(f"{PARAMS}::test_parameter_that_is_ours_is_refused_by_name",),
    ),
    Fault(
        name="the order's metadata hides ours",
        file="params/build.py",
        old="{**order.metadata, ORDER_KEY: order.reference, SESSION_KEY: session_uuid}",
        new="{ORDER_KEY: order.reference, SESSION_KEY: session_uuid, **order.metadata}",
        tests=(f"{PARAMS}::test_metadata_of_an_order_never_hides_ours",),
    ),
    Fault(
        name="the host's nested metadata is lost",
        file="params/build.py",
        old='{**result.get(key, {}).get("metadata", {}), **metadata}',
        new="metadata",
        tests=(f"{PARAMS}::test_nested_metadata_of_the_host_stands_beside_ours",),
    ),
    Fault(
        name="a changed order is taken for an unchanged request",
        file="params/build.py",
        old="[params, order.metadata, order.reference, order.revision, ",
        new="[params, order.metadata, order.reference, ",
        tests=(f"{PARAMS}::test_changed_request_is_not_taken_for_the_old_one",),
    ),
    Fault(
        name="an option beside the capture method replaces it",
        file="params/build.py",
        old="merged[key] = _merge(known, value) if both",
        new="merged[key] = value if both",
        tests=(f"{PARAMS}::test_option_beside_the_capture_method_keeps_it",),
    ),
    Fault(
        name="an authorization by payment method is not recognized",
        file="params/build.py",
        old="return any(isinstance(option, Mapping) and",
        new="return any(False and",
        tests=(f"{PARAMS}::test_request_for_an_authorisation_is_recognised",),
    ),
    Fault(
        name="optional items are not read before money is trusted",
        file="params/build.py",
        old='if params["mode"] == "subscription" or params.get("optional_items"):',
        new='if params["mode"] == "subscription":',
        tests=(f"{PARAMS}::test_what_the_shopper_can_change_is_recognised",),
    ),
    Fault(
        name="a page that never redirects is sent links",
        file="params/build.py",
        old='if result.get("redirect_on_completion") != "never":',
        new="if True:",
        tests=(f"{RULES}::test_page_that_never_redirects_has_no_return_url",),
    ),
    Fault(
        name="the order's discount is left out beside promotion codes",
        file="params/build.py",
        old='        named.add("discounts")\n',
        new="",
        tests=(f"{RULES}::test_discount_of_the_order_is_refused_and_not_left_out_beside_promotion_codes",),
    ),
    Fault(
        name="a default that keeps cards out is left out",
        file="params/rules.py",
        old="if rule.refuses and rule.is_dispensable and rule",
        new="if rule.refuses and rule",
        tests=(f"{RULES}::test_default_that_keeps_cards_out_is_never_left_out",),
    ),
    Fault(
        name="more items are sent than Stripe takes",
        file="params/rules.py",
        old="if len(params.get(name) or ()) > maximum:",
        new="if False:",
        tests=(f"{RULES}::test_more_than_stripe_takes_is_refused_here_and_by_the_emulator",),
    ),
    Fault(
        name="two discounts are sent",
        file="params/options.py",
        old="    if len(named) > 1:\n",
        new="    if False:\n",
        tests=(f"{OPTIONS}::test_options_that_stripe_would_refuse_are_refused_here",),
    ),
    Fault(
        name="business days are sent the wrong way round",
        file="params/options.py",
        old="        if low > high:\n",
        new="        if False:\n",
        tests=(f"{OPTIONS}::test_options_that_stripe_would_refuse_are_refused_here",),
    ),
    Fault(
        name="custom fields share a key",
        file="params/options.py",
        old='if len({field["key"] for field in made}) < len(made):',
        new="if False:",
        tests=(f"{OPTIONS}::test_options_that_stripe_would_refuse_are_refused_here",),
    ),
    Fault(
        name="a subscription is asked to create a customer",
        file="params/options.py",
        old='if flag(options.create_customer, "create_customer") and mode != "subscription":',
        new='if flag(options.create_customer, "create_customer"):',
        tests=(f"{OPTIONS}::test_options_that_a_subscription_has_anyway_are_left_out",),
    ),
    Fault(
        name="an address that is not ASCII is sent",
        file="params/spelling.py",
        old='return address if address.isascii() else ""',
        new="return address",
        tests=(SPELLING,),
    ),
    Fault(
        name="a picture at a private host is sent",
        file="params/spelling.py",
        old='return url if "." in host or ":" in host else ""',
        new="return url",
        tests=(SPELLING,),
    ),
)
