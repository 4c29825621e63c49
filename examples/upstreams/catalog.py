"""The catalog: products with long descriptions, many images in several sizes, attributes, prices."""

from decimal import Decimal
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response
from pydantic import BaseModel

from examples.upstreams._service import answer, service
from examples.upstreams._shop import PRODUCT_IDS, paragraphs, random_for, sku_of

__all__ = ["app"]

MAX_AGE = 60
VIEWS = ("front", "back", "left", "right", "detail", "in use")
WIDTHS = (160, 480, 960, 2048)
BRANDS = ("Nordwind", "Halvor & Sons", "Atelier Mira", "Kestrel", "Fjellbruk")
KINDS = ("Kettle", "Desk Lamp", "Backpack", "Armchair", "Coffee Grinder", "Wall Clock", "Rain Jacket", "Bread Knife")
TRAITS = ("Quiet", "Folding", "Compact", "Classic", "Travel", "Studio", "Everyday", "Heritage")
ATTRIBUTES = {
    "colour": ("graphite", "sand", "forest green", "off-white"),
    "material": ("aluminium", "oak", "stainless steel", "waxed canvas"),
    "origin": ("Portugal", "Norway", "Japan", "Slovenia"),
    "warranty": ("2 years", "5 years", "10 years"),
    "weight": ("0.4 kg", "1.1 kg", "2.8 kg", "6.5 kg"),
    "height": ("12 cm", "31 cm", "48 cm", "95 cm"),
    "width": ("9 cm", "22 cm", "40 cm", "71 cm"),
    "care": ("wipe clean", "machine wash, cold", "oil once a year"),
    "packaging": ("recycled cardboard", "cotton bag"),
    "energy class": ("A", "B", "not rated"),
}


class Money(BaseModel):
    amount: Decimal
    currency: str


class Brand(BaseModel):
    name: str
    url: str


class Image(BaseModel):
    view: str
    url: str
    width: int
    height: int


class Attribute(BaseModel):
    name: str
    value: str


class Product(BaseModel):
    id: int
    sku: str
    name: str
    category: str
    brand: Brand | None
    price: Money
    description: str
    images: list[Image]
    attributes: list[Attribute]


class Found(BaseModel):
    total: int
    items: list[Product]


def _images(product_id: int) -> list[Image]:
    base = f"https://images.shop.example/products/{product_id}"
    return [
        Image(view=view, url=f"{base}/{view.replace(' ', '-')}-{width}.webp", width=width, height=width * 3 // 4)
        for view in VIEWS
        for width in WIDTHS
    ]


def _product(product_id: int) -> Product:
    random = random_for("catalog", product_id)
    kind, brand = random.choice(KINDS), random.choice((*BRANDS, None))
    slug = "".join(letter for letter in (brand or "").lower() if letter.isalpha())
    return Product(
        id=product_id,
        sku=sku_of(product_id),
        name=f"{random.choice(TRAITS)} {kind} No. {product_id}",
        category=kind,
        brand=Brand(name=brand, url=f"https://{slug}.example/") if brand else None,
        price=Money(amount=Decimal(random.randrange(990, 49_990, 10)).scaleb(-2), currency="EUR"),
        description=paragraphs(random, random.randint(4, 9)),
        images=_images(product_id),
        attributes=[Attribute(name=name, value=random.choice(values)) for name, values in ATTRIBUTES.items()],
    )


PRODUCTS = {product_id: _product(product_id) for product_id in PRODUCT_IDS}

app = service("Catalog")


@app.get("/products", response_model=list[Product])
async def products(
    request: Request,
    ids: Annotated[list[int] | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Return the products with these ids, in that order and without those that do not exist; or else a page of all."""
    wanted = list(PRODUCT_IDS[offset : offset + limit]) if ids is None else ids
    found = [PRODUCTS[product_id] for product_id in dict.fromkeys(wanted) if product_id in PRODUCTS]
    return answer(request, found, max_age=MAX_AGE)


@app.get("/products/search", response_model=Found)
async def search(request: Request, q: str, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """Return products whose name, category, brand or attributes hold every word of `q`."""
    words = q.lower().split()
    found = [product for product in PRODUCTS.values() if all(word in _haystack(product) for word in words)]
    return answer(request, Found(total=len(found), items=found[:limit]), max_age=MAX_AGE)


@app.get("/products/{product_id}", response_model=Product)
async def product(request: Request, product_id: int) -> Response:
    """Return one product."""
    if product_id not in PRODUCTS:
        raise HTTPException(404, f"There is no product {product_id}.")
    return answer(request, PRODUCTS[product_id], max_age=MAX_AGE)


def _haystack(product: Product) -> str:
    values = (attribute.value for attribute in product.attributes)
    return " ".join((product.name, product.category, product.brand.name if product.brand else "", *values)).lower()
