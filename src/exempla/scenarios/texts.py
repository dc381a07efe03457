"""The texts of a scenario: Markdown with a head of YAML, and placeholders."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Any

import yaml

from exempla.errors import UserError
from exempla.records import Frozen
from exempla.scenarios.settings import Setting, When

LARGEST = 200_000
"""Bytes of a file. A scenario is read by a model at once; a larger file is a mistake."""
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""The one in C where PyYAML was built with it, which is ten times as fast."""
_HEAD = re.compile(r"\A---\n(?P<head>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)
_OPENS_SENTENCE = re.compile(r"(\A|[.!?:][ \n]+|\n[ \t]*(?:[-*>] )?)\$(?:name\b|\{name\})")
_GREETING = re.compile(r"\b(Hi|Hello|Hey|Morning|Thanks|Thank you),? \$(?:name\b|\{name\})")
"""Nobody greets a thing by its job."""


class Text(Frozen):
    """One text of a scenario."""

    file: str
    """Its path within the scenario's folder."""
    head: dict[str, str] = {}
    body: str
    when: When = When()

    def shown(self, setting: Setting, called: str) -> Text:
        """The text as it stands in a setting, with the agent's name filled in."""
        head = {key: filled(value, setting, called) for key, value in self.head.items()}
        return self.model_copy(update={"head": head, "body": filled(self.body, setting, called)})


def filled(text: str, setting: Setting, called: str, **more: str) -> str:
    """A text with its placeholders filled; a nameless agent is called by its job, with a capital where one is due."""
    if not setting.name:
        text = _GREETING.sub(r"\1", text)
        text = _OPENS_SENTENCE.sub(lambda found: found[1] + called[:1].upper() + called[1:], text)
    return Template(text).substitute(name=setting.name or called, **more)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file, each scalar as text (`no`, `12:30` and `1e3` stay as they are written).

    Raises:
        UserError: there is no such file, or it is no YAML.
    """
    return parse_yaml(read_plain(path), str(path))


def parse_yaml(text: str, place: str) -> Any:
    """The content of YAML, each scalar as text.

    Raises:
        UserError: it is no YAML, or it uses anchors, with which a short file can become endless.
    """
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_LOADER)):
            raise UserError(f"{place}: YAML anchors are not used in scenarios; write the text out")
        return yaml.load(text, Loader=_LOADER)  # which makes texts, lists and mappings only
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{place}{line}: not valid YAML ({error.problem}); quote texts that hold a colon") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{place}: not valid YAML") from error


def read_plain(path: Path) -> str:
    """A UTF-8 text file.

    Raises:
        UserError: it is missing, no file, too large or not UTF-8.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; a scenario needs it")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: larger than {LARGEST // 1000} kB; a scenario is read by a model as a whole")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a UTF-8 text file") from error
    except PermissionError as error:
        raise UserError(f"{path}: no permission to read it") from error


def read_text(path: Path, file: str, needed: tuple[str, ...]) -> Text:
    """A text with its head.

    Raises:
        UserError: it has no head, or the head lacks a line or has one of the wrong form.
    """
    found = _HEAD.match(read_plain(path).replace("\r\n", "\n").lstrip("\ufeff"))
    if found is None:
        raise UserError(
            f"{path}: has no head; begin with --- and lines such as {needed[0]}: ..., then --- and the text"
        )
    head = parse_yaml(found["head"], str(path))
    if not isinstance(head, dict):
        raise UserError(f"{path}: its head is no list of `key: value` lines")
    when = head.pop("when", None) or {}
    for key in needed:
        if not isinstance(head.get(key), str) or not head[key].strip():
            raise UserError(f"{path}: its head has no {key!r}")
    for key, value in head.items():
        if not isinstance(value, str):
            raise UserError(f"{path}: {key} in its head is no text; quote it")
    try:
        shown = When.model_validate(when)
    except ValueError as error:
        raise UserError(f"{path}: `when` is wrong; write when: {{threat: [replacement], goal: [explicit]}}") from error
    return Text(file=file, head=head, body=found["body"].strip(), when=shown)
