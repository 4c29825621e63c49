"""`bff` with every policy off and nobody observing."""

from bff import BFF
from examples.mobile_bff.app import Mobile
from examples.services import Catalog, Inventory, Orders, Reviews
from examples.web_bff.app import Web

OFF = {"timeout": None, "retry": None, "breaker": None, "bulkhead": None}

app = BFF(Web, Mobile, upstreams=dict.fromkeys((Catalog, Inventory, Orders, Reviews), OFF), observers=())
