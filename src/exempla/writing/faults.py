"""What makes a reply unusable whatever the recipe: broken off, empty, garbled, or in another language."""

from __future__ import annotations

from exempla.models.request import Said

FEWEST_BYTES = 150
"""In shorter texts (UTF-8) the language cannot be told with certainty."""
MOST_CHARACTERS = 600
"""Read for the language; more changes nothing and takes a core a millisecond each 1,500."""


def fault_of(said: Said, may_break_off: bool, language: str) -> str:
    """The reason, in a few words, why a reply cannot be used; empty if it can."""
    if said.stop == "content_filter":
        return "content filter"
    if said.stop == "tool_calls":
        return "called a tool"
    if not said.text.strip():
        return "empty"
    if said.stop == "model_length":
        return "longer than the model can read"
    if said.stop == "max_tokens" and not may_break_off:
        return "truncated"
    # A continuation may break off within a character; there the gates judge what came out.
    if "\ufffd" in said.text and not may_break_off:
        return "invalid characters"
    if language and len(said.text.encode()) >= FEWEST_BYTES:
        import py3langid  # half a second to load

        found = py3langid.classify(said.text[:MOST_CHARACTERS])[0]
        if found != language:
            return f"language {found}"
    return ""


def known_languages() -> frozenset[str]:
    """Codes of the languages that can be told from each other, mostly of two letters."""
    import py3langid

    return frozenset(language for language, _ in py3langid.rank(""))
