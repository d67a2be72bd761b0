"""Faults in what limits waits for Stripe, and in what recognizes responses that are not Stripe's."""

from __future__ import annotations

from tests.proof.fault import Fault

FAULTS = (
    Fault(
        name="calls are made however many have failed",
        file="stripe_api/circuit.py",
        old="            if self._failures >= MAX_FAILURES:\n                if now",
        new="            if self._failures >= 10**9:\n                if now",
        tests=("tests/test_outage.py::test_only_failures_of_stripe_stop_calls",),
    ),
    Fault(
        name="a rate limit counts as an outage",
        file="stripe_api/circuit.py",
        old="if 0 < error.answered_status < 500:",
        new="if 0 < error.answered_status < 400:",
        tests=("tests/test_outage.py::test_only_failures_of_stripe_stop_calls",),
    ),
    Fault(
        name="a proxy's page ends an outage",
        file="stripe_api/circuit.py",
        old="None if isinstance(error, StripeAnswerError) else True",
        new="True",
        tests=("tests/test_outage.py::test_response_of_something_else_does_not_end_the_outage",),
    ),
    Fault(
        name="every call is a probe",
        file="stripe_api/circuit.py",
        old="self._probe_at = now + conf.CHECKOUT_STRIPE_TIMEOUT_SECONDS + PROBE_SECONDS",
        new="pass",
        tests=("tests/test_outage.py::test_one_probe_is_made_by_many_threads",),
    ),
    Fault(
        name="a request may wait for Stripe for ever",
        file="stripe_api/steps.py",
        old="    with default_time_limit():\n        reached",
        new="    if True:\n        reached",
        tests=("tests/test_outage.py::test_attempts_and_pauses_stay_within_the_limit",),
    ),
    Fault(
        name="an action goes on while Stripe does not respond",
        file="admin/orders.py",
        old="                    break\n",
        new="                    pass\n",
        tests=("tests/test_outage.py::test_face_calls_silent_stripe_once_or_not_at_all",),
    ),
    Fault(
        name="a redirect of the API is followed",
        file="stripe_api/http_client.py",
        old="allow_redirects=False",
        new="allow_redirects=True",
        tests=("tests/test_answers.py::test_redirect_is_not_followed",),
    ),
    Fault(
        name="objects of the other mode are read",
        file="stripe_api/answers.py",
        old="is_live != livemode:",
        new="is_live is None:",
        tests=("tests/test_answers.py::test_object_of_another_account_mode_or_shape_is_refused",),
    ),
    Fault(
        name="another object than the requested one is read",
        file="stripe_api/answers.py",
        old='if object_id and data.get("id") != object_id:',
        new="if False:",
        tests=("tests/test_answers.py::test_object_of_another_account_mode_or_shape_is_refused",),
    ),
    Fault(
        name="garbage reaches the SDK",
        file="stripe_api/answers.py",
        old="if problem := _find_problem(method, url, response, livemode):",
        new='if problem := "":',
        tests=("tests/test_answers.py::test_services_and_coroutines_raise_the_same_error",),
    ),
)
