from __future__ import annotations

import pytest

from example_project import settings as example


@pytest.mark.parametrize("url", example.CHECKOUT_LEGAL_LINKS.values())
def test_every_legal_link_leads_to_a_page(visitor, db, url):
    assert visitor.get(url).status_code == 200


def test_there_is_no_other_legal_page(visitor, db):
    assert visitor.get("/legal/anything/").status_code == 404
