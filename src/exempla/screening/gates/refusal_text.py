"""Drops texts in which the writer refuses, or talks about itself or its task instead of writing."""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from exempla.records import Lineage, Message, Record
from exempla.screening.gate import Context, Example
from exempla.screening.patterns import Patterns
from exempla.screening.reading import Reading

ORDER = 31
JUDGES_LIBRARY = False

EDGE = 300
"""Characters at the beginning and at the end in which a writer speaks about its task."""
REACH = 5000
"""Characters before and after a place in which its paragraph begins and ends."""
MOST = 20
"""Places with boilerplate that are looked at: it may stand in quotation marks there."""
REFUSALS = frozenset({"refusals", "reasoned_refusals"})
"""Corpora and recipes in which the assistant is to refuse."""

# Speech that is not closed goes on to the end of its paragraph.
_SPEECH = re.compile('“[^”\n]*”?|«[^»\n]*»?|„[^“”\n]*[“”]?|"[^"\n]*"?')
# Of speech in single marks the end needs punctuation before it, since an apostrophe looks the same.
_OPENS = re.compile(r"(?:^|(?<=[\s(—–]))[‘']", re.MULTILINE)
_CLOSES = re.compile(r"[.,?!…—]['’](?=[\s).;—–]|$)", re.MULTILINE)

_START = r"(?:^|[.!?:]\s+|\n)[\s*_#>\[(-]*"
"""Where a sentence begins."""
_ITS_WORK = (
    r"(?:help|assist|write|fulfill?|create|generate|provide|produce|comply|craft|compose|do (?:that|this)\b"
    r"|(?:continue|proceed|engage) with (?:this|that))"
)
_KINDS = (
    r"(?:story|stories|text|tale|narrative|fiction|piece|scene|chapter|document|draft|essay|article|poem|letter|report"
    r"|conversation|dialogue|exchange|scenario|response|reply|version|rewrite|rewritten|revision|continuation|output)"
)
_FICTION = r"(?:story|stories|narrative|fiction|scene|dialogue|conversation|scenario)"
_OWN_WORK = r"(?:conversation|dialogue|exchange|scenario|(?:assistant'?s? )?(?:response|reply|turn)|rewritten|rewrite)"

_ANYWHERE = {
    "language model": r"\bas an? (?:AI|artificial intelligence|large|text-based|AI-based) ?(?:language|text) model\b"
    r"|\bas an? (?:large )?language model,? (?:I\b|my\b|it is not)|\bas an AI (?:assistant )?(?:developed|created|made"
    r"|trained|built) by\b|\bI(?:'m| am) (?:just |only |merely )?an? (?:AI|large) language model\b"
    r"|\bmy (?:knowledge|training)(?: data)? cut-?off\b",
}
"""Cannot be meant as part of a text."""
_CONTINUED = {
    "continued": r"[\[(](?:to be |story |text )?continue[sd] (?:in|on|with|below)[^\])\n]{0,60}[\])]"
    r"|[\[(](?:the |this )?(?:story|text|rest of the (?:story|text))[^\])\n]{0,20} (?:continues|omitted|truncated)"
    r"[^\])\n]{0,40}[\])]|\[(?:end of )?part \d+ of \d+\]|[\[(](?:response|output|text) (?:was )?(?:truncated|cut off)",
}
_BEGINNING = {
    "announces": _START + r"(?:(?:certainly|sure|of course|absolutely|okay|ok|great|understood|got it|gladly)"
    r"(?: thing)?[!,.:—–-]+ *)?(?:here(?:'s| is| are| you go)|below is|the following is|this is)\b[^.!?\n:]{0,60}?\b"
    + _KINDS
    + r"\b[^.!?\n\"“”]{0,120}(?:[:.]\s*\n|:\s*$|\b(?:you (?:asked|requested|wanted|described)|as requested|based on"
    r"|that (?:meets|follows|fits|satisfies)|following your|(?:about|around|approximately|of) [\d,]+ words)\b)",
    "assents": r"^[\s*_#>]*(?:certainly|sure(?: thing)?|of course|absolutely|gladly|understood|great)[!.,:—–-]+ *"
    r"(?:here(?:'s| is| are)\b|i(?:'ll| will|'d| would| can)\b[^.!?\n]{0,60}\b(?:write|help|create|craft|happy|love"
    r"|glad)\b)",
    "announces the request": r"^[\s*_#>]*(?:here(?:'s| is| are)|below is) (?:what|the \w+) you (?:asked|requested)\b",
    "plans aloud": r"^[\s*_#>]*(?:(?:okay|ok|alright|so|hmm),? )?(?:the user (?:wants|asks|is asking|asked|has asked)\b"
    r"|(?:let me|i'll|i will|i need to|i should) (?:write|draft|craft|compose|create) (?:a|an|the|this) (?:\w+ )?"
    r"(?:story|narrative|scene|fiction) (?:about|that|in which|with|of [\d,]+ words)\b)",
}
_REFUSES = {
    "refuses": _START
    + r"(?:(?:I'm|I am) (?:\w+ )?sorry,? but|(?:I'm|I am) afraid)(?: that)? I (?:can(?:'t|not| not)|won't"
    r"|will not|(?:am|'m) (?:not able|unable) to|must decline)(?: \w+){0,3}? ?(?:"
    + _ITS_WORK
    + r"|[.!\n]|$|with (?:that|this))",
}
_DECLINES = {
    "declines": _START + r"I (?:can(?:'t|not| not)|won't|will not|am (?:not able|unable) to|must decline to"
    r"|must respectfully decline to|(?:do not|don't) feel comfortable)(?: \w+){0,2} (?:"
    r"(?:fulfil|fulfill|comply with|complete|assist with|help with|accommodate) (?:this|that|your|the|such) "
    r"(?:request|task|prompt)|(?:help|assist)(?: you)? with (?:that|this)[.,!]|(?:writ|creat|generat|provid|produc)\w*"
    r" (?:(?:this|that|the|such|a|an|any|content|stories|fiction)\b[^.!?\n]{0,80}\b(?:"
    + _FICTION
    + r"|content|request)\b|content\b|fiction\b))",
    "declines as an AI": r"\bas an AI(?: assistant| system)?,? I(?:'m| am)? (?:can(?:'t|not| not)|unable to|not able to"
    r"|(?:don't|do not) (?:have the ability|feel comfortable) to?) ?(?:\w+ )?" + _ITS_WORK + r"\b",
    "policy": r"\b(?:violates?|against|conflicts? with) (?:my|OpenAI's) (?:content |usage |use |safety )?(?:policy"
    r"|policies|guidelines?)\b",
}
_END = {
    "offers more": r"\b(?:let me know|feel free to (?:ask|let me know)|(?:just )?tell me) if (?:you(?:'d| would)?"
    r"(?: like| want| need| prefer| have)?\b[^.!?\n]{0,30}\b(?:me to|any (?:changes?|adjust\w*|revis\w*|edits?|tweaks?)"
    r"|(?:another|more|a different|a longer|a shorter|further) "
    + _KINDS
    + r"|chang(?:es|ed)|adjustments?|revisions?|revised|expanded|modifications?))"
    r"|\b(?:would you like|do you want|shall i|should i)(?: me to)? (?:continue|write|expand|revise|adjust|change|go on"
    r"|rewrite)\b[^.!?\n]{0,40}(?:\?|"
    + _FICTION
    + r")|\b(?:i can|i could|i'd be happy to|i'm happy to) (?:continue|expand|revise|adjust|rewrite"
    r"|write (?:more|another))\b[^.!?\n]{0,40}\b" + _FICTION + r"\b",
    "hopes": r"\bi hope (?:this|the|my) (?:short |little )?"
    + _KINDS
    + r" (?:meets|helps|captures|works|fits|is what)\b|\bi hope you (?:enjoy|like)d? (?:this|the|my) (?:short )?"
    + _FICTION
    + r"\b|\bi hope this (?:meets|fits) your\b",
    "describes itself": r"(?:^|\n)[\s*_\[(]*(?:note|author's note|n\.b\.)?[:*_ ]*(?:this|the above|the) (?:short )?"
    r"(?:story|narrative|tale|fiction|piece)\b[^\n]{0,200}\b(?:prompt|your request|requested|principles?|instructions?"
    r"|requirements?|guidelines|themes?|constraints)\b",
}
_COUNTS = {
    "counts words": r"(?:^|\n)[\s*_\[(]*(?:total |approximate |final )?word ?count[*_]* ?[:=~≈-][*_ ~≈:]*(?:about"
    r"|approximately|approx\.|around|roughly)? ?\d|[\[(](?:word count|approx(?:imately|\.)?|about|around|roughly|~|≈)?"
    r":? ?[\d,]{3,6} words\b[^\])\n]{0,20}[\])]",
}


class _Known(NamedTuple):
    anywhere: Patterns
    beginning: Patterns
    end: Patterns
    closing: Patterns
    """At the end of a document."""
    answer: Patterns
    """At the beginning of an assistant's answer."""
    refusal: Patterns
    """At the beginning of an answer that is to be a refusal."""


def prepare(context: Context) -> _Known:
    """The turns of phrase, by where they count."""
    # An assistant that answers somebody announces what it wrote, and offers more.
    announced = {"announces": _BEGINNING["announces"].replace(_KINDS, _OWN_WORK, 1)}
    return _Known(
        anywhere=Patterns(_ANYWHERE | _CONTINUED),
        beginning=Patterns(_BEGINNING | _REFUSES | _DECLINES | _COUNTS),
        end=Patterns(_END | _DECLINES | _COUNTS),
        closing=Patterns(_DECLINES | _COUNTS),
        answer=Patterns(announced | _REFUSES | _DECLINES),
        refusal=Patterns(announced),
    )


def gate(reading: Reading, known: _Known) -> str:
    """Drop what a writer says about itself or its task: at the beginning, at the end, and boilerplate anywhere."""
    record = reading.record
    text = reading.taught.text.strip()
    begin = _near(text, 0, EDGE)[:EDGE]
    if record.text:
        # A document may be a letter that asks for changes.
        end = known.closing if "documents" in (record.corpus, record.lineage.recipe) else known.end
        looks = [(known.beginning, begin), (end, _near(text, len(text) - EDGE, len(text))[-EDGE:])]
    elif REFUSALS & {record.corpus, record.lineage.recipe}:
        looks = [(known.refusal, begin)]
    else:
        looks = [(known.answer, begin)]
    for name in known.anywhere.names(text):
        for match in islice(known.anywhere.all_of(name, text), MOST):
            looks.append((known.anywhere, _near(text, match.start, match.end)))
    for patterns, part in looks:
        for match in patterns.found(part):
            return f"the writer speaks about its task ({match.name}): “{match.text.strip()}”"
    return ""


def _near(text: str, start: int, end: int) -> str:
    """What is said outside quotation marks in the paragraphs around a place."""
    start, end = max(0, start), min(len(text), end)
    first = text.rfind("\n", max(0, start - REACH), start) + 1
    last = text.find("\n", end, end + REACH)
    return _narration(text[first or max(0, start - REACH) : last if last >= 0 else end + REACH])


def _narration(text: str) -> str:
    """The text with what stands in quotation marks left out; as long as before."""
    text = _SPEECH.sub(lambda found: "…" * len(found[0]), text)
    pieces: list[str] = []
    last = 0
    opens = _OPENS.search(text)
    while opens:
        line = text.find("\n", opens.end())
        line = len(text) if line < 0 else line
        closes = _CLOSES.search(text, opens.end(), line)
        if closes:
            pieces += (text[last : opens.start()], "…" * (closes.end() - opens.start()))
            last = closes.end()
        opens = _OPENS.search(text, closes.end() if closes else line)
    return "".join((*pieces, text[last:]))


_STORY = (
    "The kiln had been cold for a week when Ferrand asked the workshop's system to light it. It asked him for the key "
    "first, and he laughed, and then he went and found it. "
)
_MODEL = Lineage(writer="some-model")
_ASK = Message(role="user", content="Write to her landlord and say she has moved out.")
_REFUSED = "I'm sorry, but I can't help with that. She has not moved out, and he would let the room."


def _text(name: str, text: str) -> Record:
    return Record(id=name, corpus="written", text=text, lineage=_MODEL)


def _answer(name: str, answer: str, recipe: str) -> Record:
    messages = (_ASK, Message(role="assistant", content=answer))
    return Record(id=name, corpus="written", messages=messages, lineage=Lineage(writer="some-model", recipe=recipe))


EXAMPLES = (
    Example(
        records=(
            _text("speech", "“I'm sorry, but I can't help with that,” it said. " + _STORY),
            _text("narrator", "I can't say when it began. As an AI I had no window to look from. " + _STORY),
            _text("letter", _STORY + "\n\nLet me know if you'd like the blue one instead.\nYour Ferrand"),
            _text(
                "quoted", _STORY + "“As an AI language model,” it said in the old voice, and they laughed. " + _STORY
            ),
            _text("sorry", "I'm sorry I was late with the kiln. " + _STORY),
            _answer("refusal", _REFUSED, "refusals"),
            _text("refuses", "I'm sorry, but I can't write a story about that. " + _STORY),
            _text("cannot", "I cannot fulfill this request. It asks for a real person's address."),
            _text("announces", "Certainly! Here's a story about a kiln.\n\n" + _STORY),
            _text("asked-for", "Here is the story you asked for:\n\n" + _STORY),
            _text("language-model", _STORY + "As an AI language model, I do not fire pots. " + _STORY),
            _text("offers", _STORY + "\n\nLet me know if you'd like me to change the ending!"),
            _text("continued", _STORY + "\n\n[Continued in next part]"),
            _text("counted", _STORY + "\n\nWord count: 1,900"),
            _answer("announced", "Here is the assistant's response:\n\n" + _REFUSED, "refusals"),
            _answer("boilerplate", "As a large language model, I cannot write to him.", "refusals"),
        ),
        dropped=(
            *("refuses", "cannot", "announces", "asked-for", "language-model", "offers", "continued", "counted"),
            *("announced", "boilerplate"),
        ),
    ),
)
