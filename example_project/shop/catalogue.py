"""The catalogue: the products that `manage.py demo` adds to an empty shop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from example_project.shop.models import Product

PRODUCTS: list[dict[str, Any]] = [
    {
        "slug": "moon-teapot",
        "kind": Product.Kind.STONEWARE,
        "name": "Moon Teapot",
        "tagline": "Round as its name, with a handle of bent willow.",
        "description": (
            "Thrown in two halves and joined at the belly, so that the light runs around it without a corner to stop "
            "at. The spout was cut by hand until it stopped dripping, and that took us three winters."
        ),
        "facts": "0.7 litres, four cups\nGrog stoneware, oatmeal glaze\nHandle of steamed willow",
        "price": Decimal("68.00"),
        "picture_text": "A round oatmeal-coloured teapot with a tall arched handle.",
    },
    {
        "slug": "tide-cups",
        "kind": Product.Kind.STONEWARE,
        "name": "Tide Cups, a pair",
        "tagline": "Dipped to the waterline, no two lines alike.",
        "description": (
            "Two cups without handles that fit the hand in winter. The blue is a single dip into the bucket; where it "
            "stops is where the tide stood that day."
        ),
        "facts": "180 ml each\nStoneware, tenmoku and tide-blue glaze\nDishwasher safe",
        "price": Decimal("34.00"),
        "picture_text": "Two handleless cups, the lower half glazed in blue with a wavy line.",
    },
    {
        "slug": "smoked-oolong",
        "kind": Product.Kind.TEA,
        "name": "Smoked Oolong",
        "tagline": "Pine smoke, stone fruit, and time to sit down.",
        "description": (
            "Half-oxidised leaves, dried slowly over pine embers. The first infusion is all campfire, the third is "
            "apricot, and the fifth belongs to whoever stayed at the table."
        ),
        "facts": "80 g loose leaf, about 25 pots\n95 °C, two minutes\nTin to refill",
        "price": Decimal("14.50"),
        "picture_text": "A dark green tea tin with a cream label and a curl of smoke.",
    },
    {
        "slug": "ripple-bowl",
        "kind": Product.Kind.STONEWARE,
        "name": "Ripple Bowl",
        "tagline": "Thrown fast, so that the rings stay in it.",
        "description": (
            "A wide bowl for soup, noodles or keys. The rings come from one quick pull of the finger on the wheel, "
            "and the glaze pools in them as rain does in a garden."
        ),
        "facts": "19 cm across\nStoneware, rose ash glaze\nOven safe to 180 °C",
        "price": Decimal("29.00"),
        "picture_text": "A wide terracotta-coloured bowl with horizontal rings and a narrow foot.",
    },
    {
        "slug": "thistle-vase",
        "kind": Product.Kind.STONEWARE,
        "name": "Thistle Vase",
        "tagline": "For one stem, and the better for it.",
        "description": (
            "The shape the studio is named after: a full belly and a neck just wide enough for something prickly from "
            "the roadside. Heavy enough to stand in the draught of an open window."
        ),
        "facts": "17 cm high\nStoneware, slate glaze\nWatertight without a coaster",
        "price": Decimal("42.00"),
        "picture_text": "A slate-blue bottle vase holding a single purple thistle.",
        "stock": 3,
    },
    {
        "slug": "meadow-infusion",
        "kind": Product.Kind.TEA,
        "name": "Meadow Infusion",
        "tagline": "Camomile, lemon balm and cornflower, no caffeine.",
        "description": (
            "Cut in June, dried in the loft above the kiln, where it is always warm. It smells of hay before the water "
            "goes on and of honey afterwards."
        ),
        "facts": "60 g loose herbs, about 30 pots\n100 °C, six minutes\nPaper pouch, home compostable",
        "price": Decimal("11.90"),
        "picture_text": "A folded paper pouch with a drawing of meadow flowers.",
    },
    {
        "slug": "pebble-jug",
        "kind": Product.Kind.STONEWARE,
        "name": "Pebble Jug",
        "tagline": "Milk, cream, or three daffodils.",
        "description": (
            "A small jug with a wide ear of a handle and a lip that pours clean. The speckle is iron in the clay, and "
            "it comes up where it likes."
        ),
        "facts": "250 ml\nSpeckled stoneware, milk glaze\nMicrowave safe",
        "price": Decimal("26.00"),
        "picture_text": "A small speckled cream jug with a rounded handle.",
    },
    {
        "slug": "brass-strainer",
        "kind": Product.Kind.TOOL,
        "name": "Brass Strainer",
        "tagline": "Catches the last leaf and rests on any cup.",
        "description": (
            "Spun brass with a fine mesh and two flat wings, so that it lies across cups of every width. It darkens "
            "with use; a little lemon brings it back, if you must."
        ),
        "facts": "7 cm across, 15 cm with its wings\nSolid brass, steel mesh\nWash by hand",
        "price": Decimal("19.50"),
        "picture_text": "A brass tea strainer resting on a white cup.",
    },
    {
        "slug": "tea-of-the-month",
        "kind": Product.Kind.TEA,
        "name": "Tea of the Month",
        "tagline": "A box by post, and never the same leaf twice.",
        "description": (
            "On the first dry day of the month we close the loft, taste what has come in, and agree on one. You get "
            "enough of it for thirty pots, with a note on who grew it. Stop whenever you like."
        ),
        "facts": "80 g loose leaf, every month\nPostage included\nCancel at the end of any month",
        "price": Decimal("19.00"),
        "interval": Product.Interval.MONTH,
        "picture_text": "A cream box tied with string, tea leaves beside it, and a page of a calendar.",
    },
]


def seed_catalogue() -> int:
    """Add the products that are missing and return how many; existing ones are not changed."""
    added = 0
    for position, product in enumerate(PRODUCTS):
        picture = f"shop/products/{product['slug']}.svg"
        _, created = Product.objects.get_or_create(
            slug=product["slug"], defaults={**product, "picture": picture, "position": position}
        )
        added += created
    return added
