"""An operation's empty body is fine, and nothing else is: not another method's, not one that does something."""

from bff import Upstream, call


class Catalog(Upstream):
    @call.get("/titles/{product_id}")
    def title(self, product_id: int) -> str: ...

    @call.get("/titles")
    def documented(self) -> str:  # E: reportReturnType
        """Say what it is."""

    @call.get("/titles")
    def busy(self) -> str:  # E: return, reportReturnType
        self.helper()

    def helper(self) -> str: ...  # E: empty-body


class Special(Catalog):
    @call.get("/special")
    def special(self) -> str: ...


class Stranger:
    @call.get("/titles")
    def title(self) -> str: ...  # E: empty-body
