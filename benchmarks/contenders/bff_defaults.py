"""`bff` as it comes: deadline, retries, breaker, bulkhead, ETag, access log."""

from bff import BFF
from examples.mobile_bff.app import Mobile
from examples.web_bff.app import Web

app = BFF(Web, Mobile)
