"""Make of a base URL the addresses that tries go to, where there are several."""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bff._frames import user_frame
from bff.ambassador._address import Address, address
from bff.ambassador._cluster import Cluster
from bff.ambassador._refresher import Lookup, Refresher
from bff.errors import DeclarationError, Problem
from bff.events import Emitter, ResolutionFailed
from bff.policy import LoadBalancing, OutlierDetection

__all__ = ["Addresses", "new_addresses"]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of an upstream, and what keeps them fresh where they come from DNS; all its onions share them."""

    cluster: Cluster
    refresher: Refresher | None = None

    async def aclose(self) -> None:
        """End what works in the background."""
        if self.refresher is not None:
            await self.refresher.aclose()


def new_addresses(
    where: Address,
    *,
    name: str,
    balancing: LoadBalancing | None,
    outliers: OutlierDetection | None,
    emitter: Emitter,
    resolver: Lookup | None,
    random: Callable[[], float],
) -> Addresses | None:
    """
    Return the addresses of an upstream, `None` where it has just one.

    Raises `DeclarationError` for weights of what is no address, for several addresses without a way to choose, and for
    a name where the extra `dns` is not installed.
    """
    weights = _weights(where, balancing)
    if not where.is_name and not where.others:
        return None
    if balancing is None:
        what = "there are several addresses, and balancing is off"
        raise _wrong(what, "give one address, or say how to choose: LoadBalancing(...)", at="balancing")
    cluster = Cluster(
        name,
        () if where.is_name else where.origins,
        host=where.origin.partition("://")[2] if where.is_name else "",
        balancing=LoadBalancing(balancing.algorithm, weights=weights),
        outliers=outliers,
        random=random,
        emitter=emitter,
    )
    if not where.is_name:
        return Addresses(cluster)
    return Addresses(cluster, _refresher(where.origin, cluster, resolver or _system(), emitter, random))


def _refresher(
    origin: str, cluster: Cluster, lookup: Lookup, emitter: Emitter, random: Callable[[], float]
) -> Refresher:
    parts = urlsplit(origin)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""

    def found(addresses: Sequence[str]) -> None:
        origins = [f"{parts.scheme}://{_netloc(each)}{port}" for each in addresses]
        cluster.replace(origins, asyncio.get_running_loop().time())

    def failed(detail: str) -> None:
        emitter.emit(ResolutionFailed(cluster.name, host, detail, len(cluster.members)))

    return Refresher(host, lookup, found=found, failed=failed, random=random)


def _netloc(ip: str) -> str:
    return f"[{ip}]" if ipaddress.ip_address(ip).version == 6 else ip  # noqa: PLR2004


def _weights(where: Address, balancing: LoadBalancing | None) -> dict[str, float]:
    """Return the weights by origin."""
    weights: dict[str, float] = {}
    for url, weight in (balancing.weights if balancing else {}).items():
        origin = address(url).origin
        if where.is_name or origin not in where.origins:
            known = "those of a name all have the same" if where.is_name else f"known are {where}"
            raise _wrong(f"LoadBalancing.weights names {origin}, which is no address here", known, at="balancing")
        weights[origin] = weight
    return weights


def _system() -> Lookup:
    try:
        from bff.ambassador._dns import Resolver
    except ModuleNotFoundError as error:
        mend = 'install the extra that brings a DNS client: pip install "bff-framework[dns]"'
        raise _wrong(f"dns:// needs {error.name}, which is not installed", mend, at="base_url") from error
    return Resolver()


def _wrong(what: str, mend: str, *, at: str) -> DeclarationError:
    file, line = user_frame()
    return DeclarationError(Problem(what, mend, where=at, file=file, line=line))
