"""The set-up script and the make file: what they do without rights, and that a second start does nothing."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def setup(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, working on an empty project folder, with no command reaching the machine."""
    loader = importlib.machinery.SourceFileLoader("gate_setup", str(root / ".ci/setup"))
    spec = importlib.util.spec_from_loader("gate_setup", loader)
    assert spec
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv/stamp.json")
    monkeypatch.setattr(module, "as_root", lambda: None)
    return module


def run(setup: ModuleType, mode: str, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Run it; returns the extras of each installation."""
    installed: list[list[str]] = []

    def python_packages(extras: list[str]) -> None:
        installed.append(extras)
        setup.PYTHON.touch()

    monkeypatch.setattr(setup, "python_packages", python_packages)
    monkeypatch.setattr(sys, "argv", ["setup", mode])
    setup.main()
    return installed


def test_a_second_start_installs_nothing(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(setup, "run", monkeypatch) == [["central"]]
    assert run(setup, "run", monkeypatch) == []


def test_a_changed_dependency_installs_again(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    run(setup, "run", monkeypatch)
    (setup.ROOT / "pyproject.toml").write_text("[project]\ndependencies = ['x']\n")
    assert run(setup, "run", monkeypatch) == [["central"]]


def test_run_after_test_does_not_undo_it(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(setup, "test", monkeypatch) == [["central", "dev"]]
    assert run(setup, "run", monkeypatch) == []
    assert run(setup, "tools", monkeypatch) == []


def test_without_rights_it_names_what_is_missing_and_goes_on(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = setup.Part("libzbar0", "libzbar0", lambda: "", "the second code reader is left out")
    monkeypatch.setattr(setup, "RUN_PARTS", (missing,))
    assert run(setup, "run", monkeypatch) == [["central"]]
    said = capsys.readouterr().out
    assert "apt-get install libzbar0" in said
    assert "going on without libzbar0: the second code reader is left out" in said


def test_the_table_tells_what_is_here_and_what_is_not(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATE_REQUIRE", "zbar")
    setup.table(
        (setup.Part("here", "x", lambda: "/usr/bin/here", "-"), setup.Part("gone", "y", lambda: "", "no tests of it"))
    )
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["here", "yes", "/usr/bin/here"] for line in lines)
    assert any(line.split()[:2] == ["gone", "NO"] and line.endswith("no tests of it") for line in lines)
    assert lines[-1].endswith("zbar")


def test_a_virtual_environment_needs_no_ensurepip(setup: ModuleType) -> None:
    setup.make_venv()
    done = subprocess.run(
        [setup.PYTHON, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, timeout=150, check=True
    )
    assert done.stdout.strip() == str(setup.VENV)
    assert not (setup.VENV / "bin/pip").exists()


def test_an_old_python_is_told_so_in_one_line(root: Path) -> None:
    text = (root / ".ci/setup").read_text(encoding="utf-8")
    assert text.index("sys.version_info < (3, 11)") < text.index("import ctypes")


@pytest.mark.parametrize("target", ["run", "test", "lint", "bench", "prove", "help"])
def test_every_target_is_there_and_listed(root: Path, target: str) -> None:
    listed = subprocess.run(
        ["make", "-s", "help"], cwd=root, capture_output=True, text=True, timeout=150, check=True
    ).stdout
    assert f"make {target} " in listed


def test_the_check_of_a_change_is_make_test_with_nothing_passed_over(root: Path) -> None:
    lines = (root / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "exec make test"
    assert any(line.startswith("GATE_REQUIRE=zbar,chromium") for line in lines)
    assert "GATE_PROVE=1" in lines, "power cuts, where their guest can be had"


@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("zbar", "1 error")])
def test_a_missing_part_is_a_skip_or_if_required_a_failure(
    tmp_path: Path, root: Path, required: str, outcome: str
) -> None:
    (tmp_path / "conftest.py").write_text(
        (root / "tests/conftest.py").read_text(encoding="utf-8") + "\nPARTS['zbar'] = lambda: ''\n", encoding="utf-8"
    )
    (tmp_path / "test_one.py").write_text("def test_one(zbar): pass\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "GATE_REQUIRE": required},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert outcome in done.stdout, done.stdout
