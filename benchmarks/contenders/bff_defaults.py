"""`bff` as it comes: deadline, retries, breaker, bulkhead, coalescing, ETag; the access log is written."""

import logging

from bff import BFF
from examples.mobile_bff.app import Mobile
from examples.web_bff.app import Web

logging.basicConfig(level=logging.INFO)

app = BFF(Web, Mobile)
