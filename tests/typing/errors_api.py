"""What a type checker refuses of the public API."""

from pydantic import BaseModel

from bff import (
    ClientProfile,
    Shape,
    Timeout,
    Upstream,
    call,
    derived,
    each,
    endpoint,
    header,
    optional,
    or_else,
    present,
)


class Product(BaseModel):
    id: int
    tags: list[str]


class Catalog(Upstream):
    @call.get("/products/{product_id}")
    def product(self, product_id: int) -> Product: ...


class Card(Shape):
    id: int


@derived
def longest(tags: list[str]) -> str:
    return max(tags, key=len)


def wrong_arguments() -> None:
    Catalog.product("seven")  # E: arg-type, reportArgumentType
    Catalog.product()  # E: call-arg, reportCallIssue
    Catalog.product(7, limit=3)  # E: call-arg, reportCallIssue
    longest([7])  # E: list-item, reportArgumentType
    Timeout(total="fast")  # E: arg-type, reportArgumentType
    call.get("/products", batchof="product")  # E: call-arg, reportCallIssue


async def wrong_forms() -> None:
    await Catalog.product(7)  # E: misc, reportGeneralTypeIssues
    async with Catalog() as catalog:
        _ = catalog.product(7).id  # E: attr-defined, reportAttributeAccessIssue
        await catalog.product("seven")  # E: arg-type, reportArgumentType


def wrong_fields() -> None:
    product = Catalog.product(7)
    _ = product.name  # E: attr-defined, reportAttributeAccessIssue
    cards: list[str] = each(product.tags, len)  # E: arg-type, reportAssignmentType
    number: int = optional(product)  # E: assignment, reportAssignmentType
    tag: str = or_else(product.tags, [])  # E: assignment, reportAssignmentType
    _ = cards, number, tag


def wrong_words() -> None:
    product = Catalog.product(7)
    each(product.id, len)  # E: arg-type, reportArgumentType
    each(product.tags, longest)  # E: arg-type, reportArgumentType
    _ = optional(product, default=7).tags  # E: attr-defined, reportAttributeAccessIssue
    header(7)  # E: arg-type, reportArgumentType
    present(product.id).upper()  # E: attr-defined, reportAttributeAccessIssue
    _ = Card.of(product).name  # E: attr-defined, reportAttributeAccessIssue


class Mobile(ClientProfile):
    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        return Catalog.product(product_id)  # E: return-value, reportReturnType
