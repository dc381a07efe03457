"""The shape of the house: imports go one way, rooms are small."""

import ast
from pathlib import Path

import exempla

SOURCE = Path(exempla.__file__).parent
STAGES = ("writing", "screening", "training", "measuring", "judging", "reporting", "tracing")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a thing comes from"
            if node.module and node.module.startswith("exempla"):
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("exempla")}
    return found


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_stages_do_not_import_each_other() -> None:
    for path in SOURCE.rglob("*.py"):
        for name in imports(path):
            target = name.split(".")[1] if "." in name else ""
            if room(path) in STAGES and target in STAGES and target != room(path):
                raise AssertionError(f"{path} imports {name}")


def test_imports_go_one_way() -> None:
    floor = [
        "errors",
        "records",
        "files",
        "progress",
        "unit",
        "study",
        "machine",
        "rubric",
        "embedding",
        "english",
        "pages",
        "scenarios",
        "answers",
        "questionanswers",
        "peeranswers",
        "measuredfolder",
        "intervals",
        "catalogue",
        "parquet",
        "instruments",
        "runfolder",
        "models",
        "manifest",
    ]
    above = {
        *STAGES,
        "pipeline",
        "forecast",
        "authoring",
        "carrying_out",
        "surveying",
        "surveying_folder",
        "surveying_honeypots",
        "surveying_questions",
        "surveying_you_or_it",
        "surveying_constitution",
        "surveying_capability",
        "surveying_peer",
        "cli",
        "cli_write",
        "cli_judge",
        "cli_portray",
        "cli_trace",
        "checking_traces",
        "cli_report",
        "cli_view",
        "viewing",
        "show",
        "doctor",
    }
    for path in SOURCE.rglob("*.py"):
        targets = {name.split(".")[1] for name in imports(path) if "." in name}
        if room(path) in floor:
            assert not targets & above, f"{path} imports {targets & above}"
        if room(path) in STAGES:
            assert not targets & {"pipeline", "forecast", "cli", "show", "doctor"}, path
    assert imports(SOURCE / "records.py") == set()


def test_files_and_functions_are_small() -> None:
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"
    assert len((SOURCE / "pipeline.py").read_text().splitlines()) <= 130
