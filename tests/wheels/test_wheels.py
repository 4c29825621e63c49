"""A wheel is pure Python unless compiled modules are asked for, and the sources bring what compiles them."""

import importlib.util
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def hook_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hook(folder: Path, **config: Any) -> Any:
    builder: Any = WheelBuilder(str(ROOT))
    return hook_module().CompiledModules(str(ROOT), config, builder.config, builder.metadata, str(folder), "wheel")


def data() -> dict[str, Any]:
    return {"infer_tag": False, "pure_python": True, "force_include": {}}


@pytest.mark.interpreted("packs what lies beside the sources, where compiled modules lie too")
def test_a_wheel_is_pure_python_where_nobody_asks_for_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HATCH_BUILD_HOOKS_ENABLE", raising=False)
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    assert built.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(built).namelist()
    assert "bff/ambassador/_limit.py" in names
    assert [name for name in names if name.endswith((".so", ".pyd"))] == []


def test_the_sources_that_are_released_bring_what_compiles_them(tmp_path: Path) -> None:
    (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "hatch_build.py", "bff/ambassador/_limit.py"} <= names


def test_an_editable_install_stays_interpreted_whatever_is_asked_for(tmp_path: Path) -> None:
    build_data = data()
    editable = hook(tmp_path, include=["bff/nowhere.py"])
    editable.initialize("editable", build_data)
    editable.finalize("editable", build_data, "")
    assert build_data == data()


def test_a_module_that_is_to_be_compiled_and_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"not there: bff/nowhere\.py"):
        hook(tmp_path, include=["bff/app.py", "bff/nowhere.py"]).initialize("standard", data())
