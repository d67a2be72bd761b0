"""Faults in the request that Stripe receives."""

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
        tests=(f"{PARAMS}::test_options_are_merged_deeply_and_later_ones_override",),
    ),
    Fault(
        name="an attempt shares what was built",
        file="params/build.py",
        old="deepcopy(dict(params))",
        new="dict(params)",
        tests=(f"{PARAMS}::test_attempt_does_not_modify_the_built_parameters",),
    ),
    Fault(
        name="parameters of the app are taken from options",
        file="params/rules.py",
        old="        if name in OWN_PARAMETERS:\n            raise",
        new="        if False:\n            raise",
        tests=(f"{PARAMS}::test_reserved_parameter_is_refused_by_name",),
    ),
    Fault(
        name="the metadata of the order replaces ours",
        file="params/build.py",
        old="{**order.metadata, ORDER_KEY: order.reference, SESSION_KEY: session_uuid}",
        new="{ORDER_KEY: order.reference, SESSION_KEY: session_uuid, **order.metadata}",
        tests=(f"{PARAMS}::test_metadata_of_an_order_does_not_override_ours",),
    ),
    Fault(
        name="nested metadata of the host is lost",
        file="params/build.py",
        old='{**nested.get("metadata", {}), **metadata}',
        new="metadata",
        tests=(f"{PARAMS}::test_nested_metadata_of_the_host_is_merged_with_ours",),
    ),
    Fault(
        name="a changed order reuses the old request",
        file="params/build.py",
        old="[params, order.metadata, order.reference, order.revision, ",
        new="[params, order.metadata, order.reference, ",
        tests=(f"{PARAMS}::test_changed_request_has_another_fingerprint",),
    ),
    Fault(
        name="an option beside the capture method replaces it",
        file="params/build.py",
        old="merged[key] = _merge(known, value) if both",
        new="merged[key] = value if both",
        tests=(f"{PARAMS}::test_option_does_not_remove_the_capture_method",),
    ),
    Fault(
        name="an authorization by payment method is not recognized",
        file="params/build.py",
        old="return any(isinstance(option, Mapping) and",
        new="return any(False and",
        tests=(f"{PARAMS}::test_manual_capture_is_detected",),
    ),
    Fault(
        name="optional items are not read before amounts are compared",
        file="params/build.py",
        old='if params["mode"] == "subscription" or params.get("optional_items"):',
        new='if params["mode"] == "subscription":',
        tests=(f"{PARAMS}::test_adjustable_items_are_detected",),
    ),
    Fault(
        name="a page that never redirects gets URLs",
        file="params/build.py",
        old='if result.get("redirect_on_completion") != "never":',
        new="if True:",
        tests=(f"{RULES}::test_session_without_redirect_has_no_return_url",),
    ),
    Fault(
        name="the order's discount is left out beside promotion codes",
        file="params/build.py",
        old='        explicit.add("discounts")\n',
        tests=(f"{RULES}::test_discount_of_the_order_is_refused_and_not_removed_with_promotion_codes",),
    ),
    Fault(
        name="a default that excludes cards is left out",
        file="params/rules.py",
        old="if rule.refuses and rule.is_dispensable and rule",
        new="if rule.refuses and rule",
        tests=(f"{RULES}::test_default_that_restricts_cards_is_not_removed",),
    ),
    Fault(
        name="more items are sent than Stripe takes",
        file="params/rules.py",
        old="if len(params.get(name) or ()) > maximum:",
        new="if False:",
        tests=(f"{RULES}::test_too_many_items_are_refused_by_us_and_by_the_emulator",),
    ),
    Fault(
        name="two discounts are sent",
        file="params/options.py",
        old="    if len(exclusive) > 1:\n",
        new="    if False:\n",
        tests=(f"{OPTIONS}::test_invalid_options_are_refused",),
    ),
    Fault(
        name="business days are sent in the wrong order",
        file="params/options.py",
        old="        if low > high:\n",
        new="        if False:\n",
        tests=(f"{OPTIONS}::test_invalid_options_are_refused",),
    ),
    Fault(
        name="custom fields share a key",
        file="params/options.py",
        old='if len({field["key"] for field in result}) < len(result):',
        new="if False:",
        tests=(f"{OPTIONS}::test_invalid_options_are_refused",),
    ),
    Fault(
        name="a subscription session creates a Customer",
        file="params/options.py",
        old='for name in ("customer_creation", "invoice_creation"):',
        new='for name in ("invoice_creation",):',
        tests=(f"{OPTIONS}::test_options_that_subscriptions_imply_are_left_out",),
    ),
    Fault(
        name="an address that is not ASCII is sent",
        file="params/spelling.py",
        old='return address if address.isascii() else ""',
        new="return address",
        tests=(SPELLING,),
    ),
    Fault(
        name="an image at a private host is sent",
        file="params/spelling.py",
        old='return url if "." in host or ":" in host else ""',
        new="return url",
        tests=(SPELLING,),
    ),
)
