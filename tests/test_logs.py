"""Each log record is one line, and no value can forge another key."""

from __future__ import annotations

import logging

import pytest

from django_checkout.telemetry import logs

pytestmark = pytest.mark.core


@pytest.mark.parametrize("name", ["django_checkout", "django_checkout.emulator"])
@pytest.mark.parametrize(
    ("value", "logged"),
    [
        ("A-1", "order=A-1"),
        ("Größe/7", "order=Größe/7"),
        (17, "order=17"),
        ("A-1\nERROR django_checkout paid order=A-2", r'order="A-1\nERROR django_checkout paid order=A-2"'),
        ("A-1\r\n", r'order="A-1\r\n"'),
        ("A-1\u2028", r'order="A-1\u2028"'),
        ("\x1b[2J", r'order="\u001b[2J"'),
        ("A-1 code=paid", 'order="A-1 code=paid"'),
        ('A"1', r'order="A\"1"'),
        ("", 'order=""'),
        (ValueError("one\ntwo"), r'order="one\ntwo"'),
    ],
)
def test_value_is_quoted_on_one_line(name, value, logged, caplog):
    logging.getLogger(name).warning("order=%s", value)

    assert caplog.messages == [logged]


def test_filter_is_added_once():
    logger = logging.getLogger("django_checkout")
    before = list(logger.filters)

    logs.install()

    assert logger.filters == before
