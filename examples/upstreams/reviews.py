"""The reviews: what customers wrote about products, newest first."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response
from pydantic import BaseModel

from examples.upstreams._service import answer, service
from examples.upstreams._shop import PRODUCT_IDS, paragraphs, random_for, sentence

__all__ = ["app"]

MAX_AGE = 30
NEWEST = date(2026, 6, 30)
AUTHORS = ("Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Lin")


class Review(BaseModel):
    id: int
    product_id: int
    rating: int
    title: str
    text: str
    author: str
    written_on: date
    helpful: int


def _reviews(product_id: int) -> list[Review]:
    random = random_for("reviews", product_id)
    age = timedelta()
    made: list[Review] = []
    for number in range(random.randint(0, 40)):
        age += timedelta(days=random.randint(0, 20))
        made.append(
            Review(
                id=product_id * 100 + number,
                product_id=product_id,
                rating=random.choices((1, 2, 3, 4, 5), weights=(1, 1, 2, 5, 7))[0],
                title=sentence(random).removesuffix("."),
                text=paragraphs(random, random.randint(1, 2)),
                author=random.choice(AUTHORS),
                written_on=NEWEST - age,
                helpful=random.randint(0, 60),
            )
        )
    return made


REVIEWS = {product_id: _reviews(product_id) for product_id in PRODUCT_IDS}

app = service("Reviews")


@app.get("/products/{product_id}/reviews", response_model=list[Review])
async def of_product(request: Request, product_id: int, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
    """Return the newest reviews of one product."""
    if product_id not in REVIEWS:
        raise HTTPException(404, f"There is no product {product_id}.")
    return answer(request, REVIEWS[product_id][:limit], max_age=MAX_AGE)


@app.get("/reviews", response_model=list[Review])
async def of_products(request: Request, product_ids: Annotated[list[int], Query(max_length=100)]) -> Response:
    """Return all reviews of several products; one that does not exist has none."""
    found = [review for product_id in dict.fromkeys(product_ids) for review in REVIEWS.get(product_id, [])]
    return answer(request, found, max_age=MAX_AGE)
