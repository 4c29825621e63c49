"""What the services agree on: which products there are, and words to describe them with."""

from random import Random

__all__ = ["PRODUCT_IDS", "paragraphs", "random_for", "sentence", "sku_of"]

PRODUCT_IDS = range(1, 301)

_SUBJECTS = (
    "The frame", "This model", "Its body", "The finish", "Every seam", "The lining", "The lid", "A hidden pocket",
    "The handle", "The base", "The second edition", "Our workshop", "The cord", "The inner shell", "The grip",
)  # fmt: skip
_VERBS = (
    "is made of", "comes with", "was tested against", "stays quiet beside", "keeps its shape through", "folds around",
    "is rated for", "outlasts", "fits neatly under", "is finished by hand with", "sheds", "pairs well with",
)  # fmt: skip
_OBJECTS = (
    "recycled aluminium", "ten years of daily use", "a removable cotton cover", "heavy rain", "most kitchen shelves",
    "solid oak from managed forests", "a spare set of screws", "temperatures from -20 to 60 degrees", "natural oils",
    "the previous generation's accessories", "long journeys", "a low table", "scratches and fingerprints",
)  # fmt: skip
_ENDINGS = (
    "", " and needs no tools to assemble", ", which owners tell us they notice first", " without adding weight",
    ", as independent labs confirmed", " and can be repaired at home", ", from the smallest size to the largest",
)  # fmt: skip


def random_for(*names: object) -> Random:
    """Return a generator of chance that gives the same for the same names, in every process."""
    return Random("/".join(map(str, names)))  # noqa: S311 - decides what a made-up shop sells


def sku_of(product_id: int) -> str:
    """Return the stock keeping unit of a product."""
    return f"SKU-{product_id:05}"


def sentence(random: Random) -> str:
    """Return one sentence about a product."""
    words = (random.choice(_SUBJECTS), random.choice(_VERBS), random.choice(_OBJECTS))
    return f"{' '.join(words)}{random.choice(_ENDINGS)}."


def paragraphs(random: Random, count: int) -> str:
    """Return long copy, as marketing departments write it."""
    return "\n\n".join(" ".join(sentence(random) for _ in range(random.randint(4, 7))) for _ in range(count))
