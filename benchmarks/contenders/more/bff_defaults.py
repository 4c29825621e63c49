"""`bff` as it comes, and the access log is written."""

import logging

from benchmarks.contenders.more._bff import Cases
from bff import BFF

logging.basicConfig(level=logging.INFO)

app = BFF(Cases)
