"""What a model's name stands for now, so that results of a model that has changed are not taken for its own."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from exempla.errors import MissingModelError
from exempla.files import file_sha256
from exempla.models import embedded
from exempla.study import EMBEDDED

WHOLE = "config.json"
ADAPTER = "adapter_config.json"
BASE = "base_model_name_or_path"
"""In an adapter's settings, what it was trained on. Training writes a folder's whole path there."""


def local_folder(name: str) -> Path | None:
    """The model folder that a name means (of a whole model or a LoRA adapter), or None if it is a hub's name.

    Raises:
        MissingModelError: the name is a path, and no model is there.
    """
    folder = Path(name).expanduser()
    if not name.startswith((".", "/", "~")) and not folder.exists():
        return None
    if not (folder / WHOLE).is_file() and not is_adapter(folder):
        raise MissingModelError(f"{name}: is no model folder (it has no {WHOLE}, and no {ADAPTER} either)")
    return folder


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds a LoRA adapter, without the model it belongs to."""
    return (folder / ADAPTER).is_file() and not (folder / WHOLE).is_file()


def standing_on(name: str) -> tuple[str, tuple[Path, ...]]:
    """The whole model behind a name, and the adapter folders to be put on it, the lowest first.

    Raises:
        MissingModelError: a model or what an adapter belongs to is not there, or is no LoRA adapter.
    """
    adapters: list[Path] = []
    while name != EMBEDDED and (folder := local_folder(name)) is not None and is_adapter(folder):
        if folder.resolve() in [adapter.resolve() for adapter in adapters]:
            raise MissingModelError(f"{folder}: its {ADAPTER} names itself as its base model; correct {BASE} there")
        adapters.insert(0, folder)
        name = _base_of(folder)
    return name, tuple(adapters)


def _base_of(adapter: Path) -> str:
    """The name of the model that an adapter belongs to."""
    try:
        settings = json.loads((adapter / ADAPTER).read_text(encoding="utf-8"))
    except ValueError as error:
        raise MissingModelError(f"{adapter / ADAPTER}: is not valid JSON ({error}); save the adapter again") from error
    settings = settings if isinstance(settings, dict) else {}
    if (kind := settings.get("peft_type")) != "LORA":
        raise MissingModelError(f"{adapter}: its {ADAPTER} has peft_type {kind!r}; only LoRA adapters can be used")
    base = settings.get(BASE)
    if not isinstance(base, str) or not base:
        raise MissingModelError(f"{adapter}: its {ADAPTER} names no base model; write its name there, as {BASE}")
    folder = Path(base).expanduser()
    if folder == embedded.model_folder().absolute() or (not folder.exists() and embedded.was_model_folder(folder)):
        return EMBEDDED
    if not folder.exists() and base.startswith((".", "/", "~")):
        raise MissingModelError(f"{adapter}: its base model {base} is not there; correct {BASE} in its {ADAPTER}")
    return base


def folder_sums(folder: Path) -> str:
    """SHA-256 of the weights in a model folder, a line a file, as `sha256sum` writes them."""
    return "".join(f"{file_sha256(path)}  {path.name}\n" for path in sorted(folder.glob("*.safetensors")))


def tokenizer_of(name: str) -> str:
    """The name of the model whose tokenizer a model uses: an adapter's folder if one is there, or else its base."""
    base, adapters = standing_on(name)
    own = [folder for folder in adapters if (folder / "tokenizer_config.json").is_file()]
    return str(own[-1].absolute()) if own else base


@cache
def identity(name: str) -> str:
    """The name, with the SHA-256 of the weights and the tokenizer if they are files here.

    An adapter is known by its own files and by the identity of its base. A hub's model is known by its name alone: if
    its owner may change it, download a revision and give the folder.
    """
    if name == EMBEDDED:
        return f"{name} {embedded.GGUF_SHA256}"
    folder = local_folder(name)
    if folder is None:
        return name
    patterns = ["*.safetensors", "*.bin", WHOLE, "tokenizer*", "chat_template*"]
    base: list[str] = []
    if is_adapter(folder):
        standing_on(name)  # an adapter that is its own base would have no end
        patterns.append(ADAPTER)
        base = ["on", identity(_base_of(folder))]
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return " ".join([name, *(f"{path.name}={file_sha256(path)}" for path in files), *base])


def has_chat_template(name: str) -> bool:
    """Whether a model comes with a chat template; a hub's model, whose files are not here, counts as one that does.

    Raises:
        MissingModelError: the name is a path, and no model is there.
    """
    name = tokenizer_of(name)
    folder = None if name == EMBEDDED else local_folder(name)
    if folder is None or (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and bool(json.loads(settings.read_text(encoding="utf-8")).get("chat_template"))


def full_name(name: str) -> str:
    """A model's name in Inspect's form: the embedded one and local folders are served by our own provider."""
    if name == EMBEDDED or (not name.startswith("exempla/") and local_folder(name) is not None):
        return f"exempla/{name}"
    return name
