"""A short flash sale: webhooks are lost, doubled, delayed and reordered, and processes of the site are killed."""

from __future__ import annotations

import pytest

from tests.scale.sales import sell
from tests.scale.servers import own_pgbouncer, own_postgres

pytestmark = [pytest.mark.slow, pytest.mark.scale]


@pytest.mark.parametrize("mode", ["inline", "task"])
def test_every_order_of_a_sale_is_right(mode, own_database):
    killed, lost = sell(own_database, "--mode", mode, "--crash-seconds", "0.5")

    assert killed > 0
    assert lost > 0


def test_every_order_is_right_behind_pgbouncer_in_transaction_mode(own_database):
    # Fewer connections than processes, so that they share them.
    with own_pgbouncer(own_database, pool_size=3) as url:
        sell(url, "--mode", "task", pool="pgbouncer")


def test_every_order_is_right_with_the_pool_of_django(own_database):
    sell(own_database, "--mode", "task", pool="django")


@pytest.mark.parametrize("mode", ["inline", "task"])
def test_database_that_is_restarted_amid_deliveries_loses_and_doubles_nothing(mode):
    with own_postgres() as (url, restart):
        sell(url, "--mode", mode, meanwhile=restart)
