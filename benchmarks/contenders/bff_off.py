"""`bff` with every policy off, nobody observing and nothing exposed."""

from benchmarks.contenders._off import OFF
from bff import BFF
from examples.mobile_bff.app import Mobile as DefaultMobile
from examples.services import Catalog, Inventory, Orders, Reviews
from examples.web_bff.app import Web as DefaultWeb


class Web(DefaultWeb):
    """The browser's pages, without their times."""

    expose = False


class Mobile(DefaultMobile):
    """The phone's pages, without their times."""

    expose = False


app = BFF(Web, Mobile, upstreams=dict.fromkeys((Catalog, Inventory, Orders, Reviews), OFF), observers=())
