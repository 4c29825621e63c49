"""Building an app under cProfile failed: watching a trace gave the profiler back as if it were a function."""

import cProfile
import pstats
import sys

from bff import BFF, ClientProfile, endpoint


class Client(ClientProfile):
    @endpoint.get("/greeting")
    def greeting(self, name: str) -> str:
        return name


def test_an_app_is_built_under_a_profiler_which_goes_on_behind_it() -> None:
    before, profiler = sys.getprofile(), cProfile.Profile()
    profiler.enable()
    try:
        app = BFF(Client)
        going: object = sys.getprofile()
    finally:
        profiler.disable()
        sys.setprofile(before)
    called = {name for _, _, name in pstats.Stats(profiler).stats}  # type: ignore[attr-defined] # its only door
    assert len(app.pages) == 1
    assert isinstance(going, cProfile.Profile)
    assert "plan_of" in called
