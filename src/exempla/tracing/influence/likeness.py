"""What a plain search would have found instead: records by the words, or by the static embeddings, of the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exempla.embedding import embed
from exempla.errors import UserError
from exempla.tracing.influence.targets import Target

Scores = NDArray[np.float64]


def by_words(targets: Sequence[Target], texts: Sequence[str]) -> Scores:
    """BM25 of each text for the words of each target, shape (targets, texts).

    Raises:
        UserError: bm25s is not installed.
    """
    try:
        import bm25s
    except ImportError as error:
        raise UserError("tracing needs bm25s: install exempla with the extra `tracing`") from error
    found = np.zeros((len(targets), len(texts)))
    if not any(bm25s.tokenize(list(texts), stopwords="en", return_ids=False, show_progress=False)):
        return found  # texts of stop words alone, which it cannot index
    index = bm25s.BM25()
    index.index(bm25s.tokenize(list(texts), stopwords="en", show_progress=False), show_progress=False)
    known = index.vocab_dict
    asked = bm25s.tokenize([_words(one) for one in targets], stopwords="en", return_ids=False, show_progress=False)
    for place, words in enumerate(asked):
        own = [word for word in words if word in known]
        if own:
            found[place] = index.get_scores(own)
    return found


def by_embedding(targets: Sequence[Target], texts: Sequence[str]) -> Scores:
    """Cosine of static embeddings, shape (targets, texts)."""
    return (embed([_words(one) for one in targets]) @ embed(list(texts)).T).astype(np.float64)


def _words(target: Target) -> str:
    return f"{target.shown} {target.towards}"
