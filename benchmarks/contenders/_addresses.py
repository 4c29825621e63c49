"""Where the upstreams are, for pages written by hand: the same variables that `bff` reads."""

from os import environ

CATALOG = environ.get("BFF_CATALOG__BASE_URL", "http://127.0.0.1:9001")
REVIEWS = environ.get("BFF_REVIEWS__BASE_URL", "http://127.0.0.1:9002")
INVENTORY = environ.get("BFF_INVENTORY__BASE_URL", "http://127.0.0.1:9003")
