"""Say whether the process lives, and whether it wants traffic; upstreams have no say in either."""

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

_NO_STORE = {"cache-control": "no-store"}


def health_router(is_draining: Callable[[], bool]) -> APIRouter:
    """Return `/healthz`, always 200, and `/readyz`, 503 while the app is draining."""
    router = APIRouter(include_in_schema=False)

    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    async def readyz() -> JSONResponse:
        if is_draining():
            return JSONResponse({"status": "draining"}, status_code=503, headers=_NO_STORE)
        return JSONResponse({"status": "ready"}, headers=_NO_STORE)

    router.add_api_route("/healthz", healthz)
    router.add_api_route("/readyz", readyz)
    return router
