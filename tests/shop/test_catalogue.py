from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

import example_project
from example_project.shop.catalogue import PRODUCTS, seed_catalogue
from example_project.shop.models import Product
from tests.amounts import money

ROOT = Path(example_project.__file__).parent
TEMPLATES = sorted(ROOT.rglob("templates/**/*.html"))


def test_every_product_is_on_the_shelf_with_its_price(visitor, shelf):
    page = visitor.get("/").content.decode()

    assert all(product["name"] in page and money(str(product["price"])) in page for product in PRODUCTS)


def test_the_shelf_can_be_filtered_by_kind(visitor, shelf):
    page = visitor.get("/?kind=tea").content.decode()

    assert "Smoked Oolong" in page
    assert "Moon Teapot" not in page


def test_an_unknown_kind_shows_everything(visitor, shelf):
    assert "Moon Teapot" in visitor.get("/?kind=nonsense").content.decode()


def test_an_empty_shelf_says_how_to_fill_it(visitor, db):
    assert "manage.py demo" in visitor.get("/").content.decode()


def test_a_product_page_shows_its_description_and_other_products(visitor, shelf):
    page = visitor.get("/products/moon-teapot/").content.decode()

    assert shelf["moon-teapot"].description in page
    assert "Smoked Oolong" in page


def test_a_product_that_is_not_available_is_not_found(visitor, shelf):
    Product.objects.filter(slug="moon-teapot").update(is_available=False)

    assert visitor.get("/products/moon-teapot/").status_code == 404
    assert "Moon Teapot" not in visitor.get("/").content.decode()


def test_seeding_again_adds_nothing_and_keeps_edits(shelf):
    Product.objects.filter(slug="moon-teapot").update(price=Decimal("70.00"))

    assert seed_catalogue() == 0
    assert Product.objects.get(slug="moon-teapot").price == Decimal("70.00")


@pytest.mark.parametrize("slug", [product["slug"] for product in PRODUCTS])
def test_every_picture_exists_and_complies_with_a_strict_policy(slug):
    path = finders.find(f"shop/products/{slug}.svg")

    assert path is not None
    assert not re.search(r"<script|<style|style=|href=", Path(path).read_text())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_has_inline_script_or_style(template):
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", template.read_text())
