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
    fallback,
    header,
    optional,
    or_else,
    present,
    when,
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


def wrong_branches() -> None:
    product = Catalog.product(7)
    when(product.id, product, None)  # E: call-overload, reportCallIssue, reportArgumentType
    when(product.id > 3, product)  # E: call-overload, reportCallIssue
    _ = when(product.id > 3, product, None).tags  # E: union-attr, reportOptionalMemberAccess
    number: int = when(product.id > 3, product.id, lambda: product.tags)  # E: assignment, reportAssignmentType
    fallback(product)  # E: call-overload, reportCallIssue
    _ = fallback(product, None).tags  # E: union-attr, reportOptionalMemberAccess
    _ = number


class Mobile(ClientProfile):
    @endpoint.get("/products/{product_id}")
    def product(self, product_id: int) -> Card:
        return Catalog.product(product_id)  # E: return-value, reportReturnType
