"""Texts as vectors, to see how far apart they lie: static embeddings that ship in a wheel, so nothing is downloaded.

The vectors are those of the package `wordllama` (256 values a token, averaged over a text). Its files are read
directly: its own loader looks for the tokenizer in a folder that the wheel does not have and then goes to the network,
and importing it sets up logging for the whole process.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exempla.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]

DIMENSIONS = 256
PASSAGES = 4
PASSAGE_WORDS = 25
"""A text is seen through 4 passages of 25 words, evenly spread from its first word to its last. The mean over all words
of a long text drowns in the words that all texts share: of 254 unrelated stories of 600 words it makes a Vendi score of
31, with three stories joined to one text 8; through passages it is 73 and 65, whatever the length."""

LONGEST_WORD = 50
"""Letters of a word that are looked at; what is longer is none."""

_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_WEIGHTS = "weights/l2_supercat_256.safetensors"


def embed(texts: Sequence[str]) -> Vectors:
    """Unit vectors of shape (texts, 256), float32; a text without a word gets a vector of its own kind.

    Raises UserError if `wordllama` is not installed or lacks its files. About 2,000 texts/s on one core.
    """
    table, tokenizer = _files()
    vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for place, text in enumerate(texts):
        # One by one: in a batch the tokenizer starts threads, and then warns at every later fork.
        tokens = tokenizer.encode(passages(text), add_special_tokens=False).ids
        if tokens:
            vectors[place] = table[tokens].mean(axis=0)
        else:
            vectors[place, 0] = 1.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def word_vectors(words: Sequence[str]) -> Vectors:
    """The mean vector of each word's tokens, of shape (words, 256), float32, not of unit length.

    Raises UserError if `wordllama` is not installed or lacks its files. About 50,000 words/s.
    """
    table, tokenizer = _files()
    vectors = np.zeros((len(words), DIMENSIONS), dtype=np.float32)
    for place, word in enumerate(words):
        tokens = tokenizer.encode(word[:LONGEST_WORD], add_special_tokens=False).ids
        if tokens:
            vectors[place] = table[tokens].mean(axis=0)
    return vectors


def passages(text: str) -> str:
    """The words of a text that its vector is made from; all of them if there are 100 or fewer."""
    words = text.split()
    if len(words) <= PASSAGES * PASSAGE_WORDS:
        return " ".join(words)
    last = len(words) - PASSAGE_WORDS
    starts = [last * number // (PASSAGES - 1) for number in range(PASSAGES)]
    return " ".join(word for start in starts for word in words[start : start + PASSAGE_WORDS])


def vendi(vectors: Vectors) -> float:
    """How many clearly different texts there seem to be: from 1 (all alike) to their number (all orthogonal).

    The Vendi score of Friedman and Dieng (2023): the exponential of the entropy of the eigenvalues of K/n, where K
    holds the cosine similarities of unit vectors of shape (n, dimensions). It is 0 for no texts, and never above the
    number of dimensions.
    """
    n = len(vectors)
    if n == 0:
        return 0.0
    wide = vectors.astype(np.float64)
    # The n x n matrix and the dimensions x dimensions one have the same eigenvalues but for zeros: take the smaller.
    similar = wide @ wide.T if n < wide.shape[1] else wide.T @ wide
    weights = np.linalg.eigvalsh(similar / n)
    weights = weights[weights > 1e-12]
    return max(1.0, float(np.exp(-np.sum(weights * np.log(weights)))))  # rounding may leave it a hair below 1


def nearest(vectors: Vectors) -> float:
    """Mean cosine similarity of each unit vector to the one nearest to it; 0 for fewer than two."""
    n = len(vectors)
    if n < 2:
        return 0.0
    total = 0.0
    for start in range(0, n, 1000):  # a thousand rows at a time, so that memory stays small for a whole corpus
        similar = vectors[start : start + 1000] @ vectors.T
        rows = np.arange(len(similar))
        similar[rows, start + rows] = -np.inf
        total += float(similar.max(axis=1).sum())
    return total / n


@cache
def _files() -> tuple[Vectors, Tokenizer]:
    """The table of token vectors, (32000, 256), and the tokenizer; read once, 33 MB."""
    from safetensors import safe_open
    from tokenizers import Tokenizer

    spec = find_spec("wordllama")
    place = Path(spec.origin).parent if spec is not None and spec.origin else None
    if place is None or not (place / _TOKENIZER).is_file() or not (place / _WEIGHTS).is_file():
        raise UserError("wordllama and its vectors are not installed; pip install 'wordllama==0.4.0.post1'")
    with safe_open(str(place / _WEIGHTS), framework="np") as tensors:
        table = tensors.get_tensor("embedding.weight").astype(np.float32)
    tokenizer = Tokenizer.from_file(str(place / _TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return table, tokenizer
