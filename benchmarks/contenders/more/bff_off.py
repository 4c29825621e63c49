"""`bff` with every policy off and nobody observing."""

from benchmarks.contenders._off import OFF
from benchmarks.contenders.more._bff import Cases, Items, Shelf
from bff import BFF

app = BFF(Cases, upstreams=dict.fromkeys((Items, Shelf), OFF), observers=())
