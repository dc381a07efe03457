"""Keeping the libraries' own progress bars and chatter off ours."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from transformers.utils import logging as transformers_logging


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries' own progress bars off our progress display."""
    before = os.environ.get("TQDM_DISABLE")
    level = transformers_logging.get_verbosity()
    os.environ["TQDM_DISABLE"] = "1"
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if before is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = before
