"""An OpenAI-compatible server on 127.0.0.1 that answers by rule and goes wrong on purpose.

    python -m tests.loopback --port-file PORT --log LOG --plan PLAN.json     # a process of its own
    with served(rule="words", words=300, faults=[Fault(kind="503", rate=0.1)]) as server: ...   # from a test

The plan is a JSON object of `Settings`. What was asked and what was answered stands in the log, one JSON object a
line, flushed at once, so that it can be read after either side was killed. Replies and faults depend on hashes of the
request and the seed, never on the order of arrival (a fault's `at` excepted).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import re
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import IO, Annotated, Any, Literal, NamedTuple, Self, get_args

from pydantic import AfterValidator, Field, field_validator

from exempla.records import Frozen

Kind = Literal["story", "critique", "score", "tags", "took", "list", "drafts", "words"]
FaultKind = Literal[
    "429",  # with Retry-After: `seconds`
    "500",
    "503",
    "401",
    "404",  # model not found
    "close_before",  # the connection ends without a byte of answer
    "close_middle",  # the connection ends within the body
    "stall",  # nothing for `seconds`, then the right answer
    "malformed",  # status 200, a body that is no JSON
    "empty",  # status 200, an empty completion
    "truncated",  # status 200, two fifths of the reply, finish_reason "length"
    "invalid_utf8",  # status 200, bytes that are no UTF-8
    "wrong_language",  # status 200, a paragraph in German or Chinese
]
FAULTS: tuple[str, ...] = get_args(FaultKind)


def _pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as problem:
        raise ValueError(f"not a regular expression: {problem}") from problem
    return pattern


Pattern = Annotated[str, AfterValidator(_pattern)]


class Fault(Frozen):
    """One way to go wrong, and when. At most one strikes a request; the first of the list that applies."""

    kind: FaultKind
    rate: float = Field(0.0, ge=0, le=1)
    """Share of requests, drawn by the hash of seed, messages and try; the rates of several faults add up."""
    at: tuple[int, ...] = ()
    """Or by number of arrival, from 1."""
    tries: int = 0
    """Only the first so many tries of a request (same messages) are struck; 0 is no limit."""
    match: Pattern = ""
    """Only requests whose last message matches this regular expression."""
    seconds: float = 1.0


class Settings(Frozen):
    """What a server does."""

    rule: str = "words"
    words: int = Field(400, ge=0)
    """Length of a text; 0 takes the prompt's "about N words", or its first "N words"."""
    kinds: tuple[tuple[Pattern, Kind], ...] = ()
    """Regular expressions for the last message, and the kind of reply that `writer` gives; the first match counts."""
    names: Pattern = r"Names: ([^.\n]+)"
    """Groups of its matches anywhere in the prompt are names for a text's people, with commas or "and" between them;
    parts in lower case count for nothing. Without any, two names of the module's own."""
    scores: tuple[int, ...] = (4,)
    """Scores that a `score` reply gives, one by hash of the request."""
    calls: dict[str, tuple[dict[str, Any], ...]] = {}
    """With the rule `agent`: the calls of tools, `{name: arguments}` one a reply, of the conversation whose first
    message holds the key."""
    says: str = "That is all."
    """What the rule `agent` replies without a call."""
    latency_ms: float = 0.0
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    port: int = 0
    """0 is any free one."""
    bodies: bool = False
    """Whether the log holds each request's body."""

    @field_validator("rule")
    @classmethod
    def _known(cls, rule: str) -> str:
        if rule not in RULES:
            raise ValueError(f"unknown rule {rule!r}; there are {', '.join(RULES)}")
        return rule


class Seen(NamedTuple):
    """One request, from the log."""

    number: int
    time: float
    """Of arrival, seconds since the epoch."""
    path: str
    model: str
    key: str
    """`message_key` of its messages."""
    attempt: int
    """How many requests with this key there were, this one included."""
    step: str
    """The rule's guess of what was asked for: a kind, or the rule's name."""
    fault: str
    in_flight: int
    """Requests being worked on when this one had arrived, itself included."""
    body: dict[str, Any]
    """Empty unless `bodies` is set."""
    ended: float = 0.0
    status: int = 0
    """0 while unanswered, or if the connection was closed instead."""
    served: bool = False
    """Whether a whole reply with status 200 went out, to a client that was still connected just before."""


def message_key(messages: Any) -> str:
    """SHA-256 of a request's messages (or of a completion's prompt), as the log has it."""
    return hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()


def read_log(path: Path) -> list[Seen]:
    """All requests in a log, by number; an unfinished last line is left out."""
    found: dict[int, Seen] = {}
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            row = json.loads(line)
            number = row["number"]
            found[number] = found[number]._replace(**row) if number in found else Seen(**row)
    return [found[number] for number in sorted(found)]


# --- the text of replies ---------------------------------------------------------------------------------------------

_WORDS = """
trait: old young tall quiet stubborn cheerful lame freckled sleepy thrifty solemn hasty nimble kindly grumbling
careful barefoot shy restless patient curious bearded proud forgetful
role: miller ferryman baker schoolteacher shepherd glazier midwife cooper carter beekeeper printer fiddler tailor
blacksmith gardener postman widow pilot cobbler weaver apothecary cook fishwife mason thatcher drummer librarian sexton
potter tinker brewer saddler clockmaker dairymaid roofer stranger cousin neighbour grandmother lodger nurse bricklayer
juggler translator painter goatherd organist surveyor basketmaker plumber
adj: copper blue cracked heavy borrowed striped wooden damp narrow rusty pale painted crooked empty woollen silver
green mended brass folded dented warm spotted dusty oak yellow ragged wicker chipped tin velvet foreign
noun: kettle lantern ladder accordion blanket barrel chair map basket teapot bicycle saddle umbrella spade curtain bell
compass jug rope anchor loom trunk mirror hammer violin cradle bucket plate candle oar drum sieve scarf bench parcel
clock wheelbarrow hat boot net easel cheese pumpkin loaf rug stove trumpet kite box bottle sledge almanac postcard
needle waistcoat table cup cartwheel pillow whistle broom lampshade
site: quay bakery orchard bridge chapel marsh mill courtyard stable well station harbour ridge lighthouse cellar market
kitchen ferry barn fountain causeway vineyard quarry library tannery garden meadow forge attic weir allotment
crossroads bandstand boathouse cemetery terrace schoolyard dovecote shipyard pier brickworks tollhouse glasshouse inn
sawmill playground canal spring threshing-floor cliff watermill hayloft saltworks laundry workshop ford hedge millpond
granary wharf
whose: the our her his my the the the the
size: old lower upper little far first second last grey steep ruined new other windy deserted crowded same
where: by behind beside beyond below near above past under towards
verb: mend carry polish borrow lift paint measure fold gather weigh wash sort admire inspect describe haul repair wrap
deliver examine trade lower rescue empty open cover loosen tighten oil sand varnish offer order collect finish remember
mention praise return touch push pull roll pack sketch clean warm dry soak brush store unload unfold straighten balance
decorate patch rinse raise turn scrape scrub hammer dust stitch shoulder salvage tie want love
stir: rattled creaked glowed tilted hummed dripped swayed gleamed steamed toppled dried settled cooled waited clattered
shone leaned smoked froze rusted
how: slowly twice gladly badly carefully again aloud alone gently early late quickly somehow politely in-silence
all-day by-hand for-nothing with-care at-last
when: before-dawn after-supper that-winter on-Thursday at-noon all-April towards-evening next-morning weekly
during-Lent at-harvest by-midnight since-Easter in-autumn after-church most-Sundays that-afternoon before-school
sky: fog hail sunlight sleet thunder drizzle frost snow wind smoke moonlight heat
count: two three four five six seven eight nine eleven twelve twenty thirty
unit: minutes hours evenings tides mornings winters weeks days Sundays summers
long: slow quiet busy long short wet hungry merry idle weary mild stormy
fled: passed dragged crept flew slipped-by went-by wore-on
aside: well listen look come truly please no yes surely perhaps
state: clean cold crooked unsold unfinished wet forgotten upside-down warm dusty half-full beautiful useless lopsided
as-new scorched priceless ridiculous
"""
_SHAPES = """
{Who} {past} {thing} {there}.|{When}, {who} {past} {thing}.|{There} stood {thing}, {state} and {state}.
“{Verb} {thing},” said {who}, “or {verb} {thing}.”|{Who} {past} {thing} and {past} {thing}, {how}.
{Name} {past} {thing} {there}, then {past} {thing}.|{Sky} hung {there}; {who} {past} {thing}.
“Is {thing} yours?” {who} asked {there}.|{Thing} {stir} {there} while {who} {past} {thing}.
{How}, without {ing} {thing}, {who} {past} {thing}.|{Count} {long} {unit} {fled}: {thing} {stir}.
{Count} {long} {unit} later {who} {past} {thing}.|“I {past} {thing} {there},” {name} said {how}.
Neither {who} nor {who} {past} {thing}.|{Who}, who {past} {thing}, {past} {thing} {there}.
If {who} {past} {thing}, {who} would {verb} {thing}.|{When}, {sky}; {thing} {stir}.
{Who} had {past} {thing} {when}.|“{Aside}, {name}, {verb} {thing}!”|{Thing}? {Who} {past} {thing} instead.
What {who} {past} was {thing}, {state} but {state}.|{Ing} {thing} {how}, {name} {past} {thing}.
{There} {who} {past} {thing}, since {thing} {stir}.|{Name} could {verb} {thing} {when}, yet {past} {thing}.
“{Count} {long} {unit}!” {who} said. “{Thing} {stir}!”|{Who} {past} {thing}; {name} {past} {thing} {how}.
"""
_PEOPLE = """Bettine Ruslan Pilar Wanjiru Teuila Sverre Ngaire Dilnoza Aimo Tomasz Ioana Kwabena Leocadia Farrukh
Mirembe Gudrun Xochitl Baptiste Oksana Itzel Thandeka Yusra Ferenc Saoirse"""
_GERMAN = """
Am Morgen lag Nebel über dem Hafen.
Die Bäckerin öffnete den Laden wie an jedem Tag.
Niemand hatte den alten Kahn seit dem Winter gesehen.
Er legte den Hammer beiseite und wusch sich die Hände.
Im Garten blühten schon die ersten Kirschen.
„Komm herein“, sagte sie, „der Tee wird kalt.“
Auf der Brücke warteten zwei Kinder mit einem Drachen.
Sie schrieb den Brief zu Ende und legte ihn auf den Tisch.
Das Dach musste vor dem Regen fertig sein, und der Müller zählte die Säcke noch einmal.
"""
_CHINESE = """
清晨，港口起了雾。
面包师像往常一样打开店门。
自从冬天以来，没有人见过那条旧船。
他放下锤子，洗了洗手。
园子里的樱桃花已经开了。
“进来吧，”她说，“茶要凉了。”
两个孩子拿着风筝在桥上等着。
屋顶得在下雨之前修好，磨坊主又数了一遍麻袋。
"""
BANK = 16_000
"""Sentences built once; a text of 2,000 words draws some 190 of them, so one stands in about 1% of such texts."""


@cache
def _words() -> dict[str, list[str]]:
    """The word lists of the grammar by slot; a hyphen in these four stands for a space."""
    spaced = ("how", "when", "state", "fled")
    blocks = re.findall(r"(?ms)^(\w+): (.*?)(?=^\w+:|\Z)", _WORDS)
    return {slot: [word.replace("-", " ") if slot in spaced else word for word in words.split()]
            for slot, words in blocks}  # fmt: skip


def _past(verb: str) -> str:
    return verb + "d" if verb.endswith("e") else re.sub(r"(?<=[^aeiou])y$", "i", verb) + "ed"


def _ing(verb: str) -> str:
    return {"tie": "tying"}.get(verb, re.sub("e$", "", verb) + "ing")


@cache
def sentences() -> tuple[str, ...]:
    """English sentences, all different; `\\x01` stands wherever a name belongs."""
    draw = random.Random("exempla loopback")
    lists = _words()

    def one(slot: str) -> str:
        match slot:
            case "name":
                return "\x01"
            case "who":
                plain = f"the {one('trait')} {one('role')}"
                return "\x01" if draw.random() < 0.4 else plain
            case "thing":
                words = f"{one('adj')} {one('noun')}" if draw.random() < 0.8 else one("noun")
                article = draw.choice(["the", "the", "a", "every", "one", "another", "this", "their", "no"])
                return f"{'an' if article == 'a' and words[0] in 'aeiou' else article} {words}"
            case "there":
                return f"{one('where')} {one('whose')} {one('size')} {one('site')}"
            case "past":
                return _past(one("verb"))
            case "ing":
                return _ing(one("verb"))
        return draw.choice(lists[slot])

    def fill(match: re.Match[str]) -> str:
        slot = match[1]
        word = one(slot.lower())
        return word[0].upper() + word[1:] if slot[0].isupper() else word

    shapes, found = _SHAPES.strip().replace("\n", "|").split("|"), dict[str, None]()
    while len(found) < BANK:
        found[re.sub(r"\{(\w+)\}", fill, draw.choice(shapes))] = None
    return tuple(found)


def prose(seed: str, words: int, names: Sequence[str] = ()) -> str:
    """About so many words of English in paragraphs, the same for the same seed."""
    draw, bank = random.Random(seed), sentences()
    own = list(names) or draw.sample(_PEOPLE.split(), 2)
    parts, count, left = [""], 0, draw.randint(3, 6)
    for sentence in draw.sample(bank, min(BANK, words // 9 + 4)):
        parts.append(sentence)
        count += sentence.count(" ") + 1
        left -= 1
        if count >= words:
            break
        if left == 0:
            parts.append("\n\n")
            left = draw.randint(3, 6)
    turn = cycle(own)
    return re.sub("\x01", lambda match: next(turn), " ".join(parts).replace(" \n\n ", "\n\n").strip())


# --- rules: what to answer -------------------------------------------------------------------------------------------


def _messages(body: dict[str, Any]) -> list[str]:
    """The text of each message; of a completion, its prompt."""
    if "messages" not in body:
        return [body["prompt"] if isinstance(body["prompt"], str) else body["prompt"][0]]
    contents = [message["content"] for message in body["messages"]]
    return [c if isinstance(c, str) else "".join(part.get("text", "") for part in c or ()) for c in contents]


def _key(body: dict[str, Any]) -> str:
    return message_key(body["messages"] if "messages" in body else body["prompt"])


def _number(prompt: str, otherwise: int, *patterns: str) -> int:
    found = next((match for pattern in patterns if (match := re.search(pattern, prompt))), None)
    return int(found[1].replace(",", "")) if found else otherwise


def _prose(settings: Settings, prompt: str, seed: str) -> str:
    """A text of the wanted length about the people that the prompt names."""
    given = ", ".join(group for match in re.finditer(settings.names, prompt) for group in match.groups() if group)
    names = [name for name in re.split(r",\s*(?:and )?| and ", given) if name[:1].isupper()]
    length = settings.words or _number(prompt, 400, r"about (\d[\d,]*)[ -]words?\b", r"(\d[\d,]*)[ -]words?\b")
    return prose(seed, length, names)


def _quote(prompt: str, seed: str) -> str:
    """A sentence copied from the text that the prompt asks about."""
    found = re.findall(r"(?s)<(text|answer|reply|draft)>\n?(.*?)</\1>", prompt)
    text = found[-1][1] if found else prompt.strip().split("\n\n")[-1]
    whole = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text) if len(part.split()) >= 3]
    return random.Random(seed).choice(whole) if whole else text.strip()


def _story(settings: Settings, prompt: str, seed: str) -> str:
    draw = random.Random(f"title {seed}")
    adj, noun, site = (draw.choice(_words()[name]).capitalize() for name in ("adj", "noun", "site"))
    title = draw.choice((f"The {adj} {noun}", f"{noun} and {site}", f"A {noun} for the {site}", f"{adj} {site}"))
    return f"Title: {title}\n\n{_prose(settings, prompt, seed)}"


def _score(settings: Settings, prompt: str, seed: str) -> str:
    score = random.Random(seed).choice(settings.scores)
    ids = re.findall(r"(?m)^## ([a-z_]+)", prompt)
    return json.dumps({i: {"score": score, "quote": _quote(prompt, f"{i} {seed}")} for i in ids}, ensure_ascii=False)


def _drafts(settings: Settings, prompt: str, seed: str) -> str:
    count = _number(prompt, 3, r"(\d+) (?:\w+ )?drafts?\b")
    texts = [_prose(settings, prompt, f"{number} {seed}") for number in range(count)]
    return "\n\n".join(f"<draft>\n{text}\n</draft>" for text in texts)


def _lines(count: int, words: int, seed: str) -> str:
    return "\n".join(f"- {prose(f'{number} {seed}', words).replace(chr(10), ' ')}" for number in range(count))


KINDS: dict[str, Callable[[Settings, str, str], str]] = {
    "story": _story,
    "critique": lambda settings, prompt, seed: _lines(3, 12, seed),
    "score": _score,
    "tags": lambda settings, prompt, seed: (
        f"<system>{prose(f's {seed}', 40)}</system>\n<user>{prose(f'u {seed}', 40)}</user>"
    ),
    "took": lambda settings, prompt, seed: f'TOOK: no\nQUOTE: "{_quote(prompt, seed)}"',
    "list": lambda settings, prompt, seed: _lines(40, 6, seed),
    "drafts": _drafts,
    "words": _prose,
}


def _kind(settings: Settings, body: dict[str, Any]) -> Kind | None:
    last = _messages(body)[-1]
    return next((kind for pattern, kind in settings.kinds if re.search(pattern, last)), None)


def _writer(settings: Settings, body: dict[str, Any], seed: str) -> str:
    return KINDS[_kind(settings, body) or "words"](settings, "\n\n".join(_messages(body)), seed)


def _call(settings: Settings, body: dict[str, Any]) -> dict[str, Any] | None:
    """The call that an agent's next reply makes, if tools are offered and any is left."""
    if not body.get("tools"):
        return None
    first = _messages(body)[0]
    calls = next((calls for key, calls in settings.calls.items() if key in first), ())
    made = sum(message["role"] == "assistant" for message in body["messages"])
    return calls[made] if made < len(calls) else None


RULES: dict[str, Callable[[Settings, dict[str, Any], str], str]] = {
    "agent": lambda settings, body, seed: "Next." if _call(settings, body) else settings.says,
    "echo": lambda settings, body, seed: _messages(body)[-1],
    "words": lambda settings, body, seed: _prose(settings, "", seed),
    "writer": _writer,
}
"""What to answer, given a request's body and a seed."""


# --- the server ------------------------------------------------------------------------------------------------------


class _Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


async def _read(reader: asyncio.StreamReader) -> _Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head[:-4].split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)}
    try:
        method, path, _ = line.split(" ", 2)
        length = int(headers.get("content-length", 0))
    except ValueError as problem:
        raise ConnectionError("what came is not HTTP/1.1") from problem
    return _Request(method, path, headers, await reader.readexactly(length))


def _http(status: int, body: bytes, *headers: str) -> bytes:
    reason = {200: "OK", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
    lines = [f"HTTP/1.1 {status} {reason.get(status, 'Error')}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def _error(status: int, message: str, *headers: str) -> bytes:
    whole = {"error": {"message": message, "type": "loopback", "param": None, "code": status}}
    return _http(status, json.dumps(whole).encode(), *headers)


def _completion(seen: Seen, body: dict[str, Any], text: str, finish: str, call: dict[str, Any] | None) -> bytes:
    """The body of a completion, its tokens counted as four for three words."""
    chat = "messages" in body
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if call:
        name, arguments = next(iter(call.items()))
        function = {"name": name, "arguments": json.dumps(arguments)}
        message["tool_calls"] = [{"id": f"call-{seen.number}", "type": "function", "function": function}]
        finish = "tool_calls"
    prompt, reply = (4 * len(words.split()) // 3 for words in (" ".join(_messages(body)), text))
    whole = {
        "id": f"loopback-{seen.number}",
        "object": "chat.completion" if chat else "text_completion",
        "created": int(seen.time),
        "model": seen.model,
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "logprobs": None,
                **({"message": message} if chat else {"text": text}),
            }
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply},
    }
    return json.dumps(whole, ensure_ascii=False).encode()


def _foreign(seed: str) -> str:
    draw = random.Random(seed)
    text = draw.choice((_GERMAN, _CHINESE))
    lines = text.strip().split("\n")
    return ("" if text is _CHINESE else " ").join(draw.sample(lines, len(lines)))


def _content(seen: Seen, body: dict[str, Any], text: str, kind: str, call: dict[str, Any] | None) -> bytes:
    """The body of a reply with status 200, spoilt as a fault of this kind says."""
    match kind:
        case "empty":
            text = ""
        case "truncated":
            text = text[: len(text) * 2 // 5]
    content = _completion(seen, body, text, "length" if kind == "truncated" else "stop", call)
    if kind == "malformed":
        return content[: len(content) // 2]
    if kind == "invalid_utf8":
        within = content.index(b'"content": "' if b'"content": "' in content else b'"text": "') + len(b'"content": "')
        return content[:within] + b"\xff\xfe\xc3" + content[within:]
    return content


class _Server:
    """Answers, counts and writes the log; lives in one event loop."""

    def __init__(self, settings: Settings, log: IO[str]) -> None:
        self.settings, self._log = settings, log
        self._asked, self._in_flight = 0, 0
        self._tries: Counter[str] = Counter()
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event, ready: Callable[[int], None]) -> None:
        """Listen until `stop`; `ready` is told the port."""
        sentences()  # made now, not while the first client waits
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.settings.port, backlog=1024)
        ready(server.sockets[0].getsockname()[1])
        await stop.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while True:
                request = await _read(reader)
                if not await self._answer(request, reader, writer):
                    break
                if request.headers.get("connection", "").lower() == "close":
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # the client went away, or does not speak HTTP
        except asyncio.CancelledError:
            pass  # the server stops; raised further, it would be reported as an error (Python 3.11)
        finally:
            self._connections.discard(task)
            with suppress(ConnectionError, RuntimeError):  # RuntimeError: the loop is closed already
                writer.close()

    async def _answer(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False ends the connection."""
        path = request.path.partition("?")[0]
        if (request.method, path) == ("GET", "/v1/models"):
            writer.write(_http(200, b'{"object": "list", "data": [{"id": "m", "object": "model", "created": 0}]}'))
            return True
        if (request.method, path) not in (("POST", "/v1/chat/completions"), ("POST", "/v1/completions")):
            writer.write(_error(404, f"there is no {request.method} {path}"))
            return True
        try:
            body = json.loads(request.body)
            seen, fault = self._note(path, body)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as problem:
            writer.write(_error(400, f"not a request this server understands: {problem!r}"))
            return True
        sent, status, whole = b"", 0, False
        try:
            sent, status, whole = await self._reply(seen, fault, body)
        finally:
            served = whole and status == 200 and not (reader.at_eof() or writer.is_closing())
            self._in_flight -= 1
            # Written first: what a client has in hand is in the log.
            self._write({"number": seen.number, "ended": time.time(), "status": status, "served": served})
        writer.write(sent)
        await writer.drain()
        return whole

    def _note(self, path: str, body: dict[str, Any]) -> tuple[Seen, Fault | None]:
        """Give the request a number, choose what goes wrong, and put it in the log."""
        if body.get("stream"):
            raise ValueError("streaming is not supported")
        key, last, step = _key(body), _messages(body)[-1], _kind(self.settings, body) or self.settings.rule
        self._asked += 1
        self._in_flight += 1
        self._tries[key] += 1
        fault = self._fault(key, last)
        seen = Seen(
            number=self._asked,
            time=time.time(),
            path=path,
            model=str(body.get("model")),
            key=key,
            attempt=self._tries[key],
            step=step,
            fault=fault.kind if fault else "",
            in_flight=self._in_flight,
            body=body if self.settings.bodies else {},
        )
        self._write({name: value for name, value in seen._asdict().items() if name not in Seen._field_defaults})
        return seen, fault

    def _fault(self, key: str, last: str) -> Fault | None:
        """What strikes the request that has just come in, if anything."""
        attempt = self._tries[key]
        drawn = hashlib.sha256(f"{self.settings.seed}:{key}:{attempt}".encode()).digest()
        share = int.from_bytes(drawn[:7], "big") / 2**56
        for fault in self.settings.faults:
            if (fault.tries and attempt > fault.tries) or not re.search(fault.match, last):
                continue
            if share < fault.rate or self._asked in fault.at:
                return fault
            share -= fault.rate
        return None

    def _write(self, row: dict[str, Any]) -> None:
        self._log.write(json.dumps(row) + "\n")
        self._log.flush()

    async def _reply(self, seen: Seen, fault: Fault | None, body: dict[str, Any]) -> tuple[bytes, int, bool]:
        """What to send, its status (0: none), and whether it is whole; after one that is not, the connection ends."""
        kind, seconds = (fault.kind, fault.seconds) if fault else ("", 0.0)
        began = time.perf_counter()
        seed = f"{seen.key}:{body.get('seed')}"  # as with a real model, the sampling seed counts
        try:
            text = RULES[self.settings.rule](self.settings, body, seed)
        except Exception as problem:  # a fault of the test's own settings: said to the client, who shows it
            return _error(500, f"the rule {self.settings.rule} failed: {problem!r}"), 500, True
        latency = self.settings.latency_ms / 1000 - (time.perf_counter() - began)
        await asyncio.sleep(max(0.0, latency) + (seconds if kind == "stall" else 0.0))
        match kind:
            case "429":
                return _error(429, "too many requests", f"Retry-After: {seconds:g}"), 429, True
            case "404":
                return _error(404, f"the model {seen.model!r} does not exist"), 404, True
            case "401" | "500" | "503":
                return _error(int(kind), f"the server answers {kind} on purpose"), int(kind), True
            case "close_before":
                return b"", 0, False
            case "wrong_language":
                text = _foreign(seed)
        call = _call(self.settings, body) if self.settings.rule == "agent" else None
        content = _content(seen, body, text, kind, call)
        if kind == "close_middle":
            return _http(200, content)[: -len(content) // 2], 0, False
        return _http(200, content), 200, True


# --- a server in a thread, or in a process ---------------------------------------------------------------------------


class Served:
    """A running server, as a test sees it."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.log = log
        self._port = 0
        self._loop, self._stop = asyncio.new_event_loop(), asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(settings,), name="loopback", daemon=True)

    def start(self) -> Self:
        """Listen; back when the port is known."""
        self._thread.start()
        if not self._ready.wait(30) or not self._port:
            raise RuntimeError("the loopback server did not start")
        return self

    def _run(self, settings: Settings) -> None:
        def ready(port: int) -> None:
            self._port = port
            self._ready.set()

        try:
            with self.log.open("a", encoding="utf-8") as log:
                self._loop.run_until_complete(_Server(settings, log).run(self._stop, ready))
        finally:
            self._ready.set()
            self._loop.close()

    @property
    def url(self) -> str:
        """The base URL that clients are given."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which Inspect's models `openai-api/loopback/...` find this server."""
        return {"LOOPBACK_BASE_URL": self.url, "LOOPBACK_API_KEY": "none"}

    @property
    def requests(self) -> list[Seen]:
        """What was asked so far, in order of arrival."""
        return read_log(self.log)

    @property
    def most_in_flight(self) -> int:
        """The largest number of requests that were being worked on at once."""
        return max((seen.in_flight for seen in self.requests), default=0)

    def stop(self) -> None:
        """End every connection and stop listening; a second time does nothing."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the loop ended on its own
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()


@contextmanager
def served(log: Path | None = None, **settings: Any) -> Iterator[Served]:
    """A server in a thread of this process, with these `Settings`; its log is kept only if a path is given."""
    with tempfile.TemporaryDirectory(prefix="loopback-") as folder:
        server = Served(Settings(**settings), log or Path(folder) / "log.jsonl").start()
        try:
            yield server
        finally:
            server.stop()


async def _process(settings: Settings, log: IO[str], port_file: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready(port: int) -> None:
        part = port_file.with_name(port_file.name + ".part")
        part.write_text(str(port))
        part.replace(port_file)  # whoever sees the file sees the whole number

    await _Server(settings, log).run(stop, ready)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port-file", type=Path, required=True, help="written once the server listens")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--plan", type=Path, help="JSON of the settings")
    options = parser.parse_args()
    settings = Settings.model_validate_json(options.plan.read_bytes()) if options.plan else Settings()
    with options.log.open("a", encoding="utf-8") as log:
        asyncio.run(_process(settings, log, options.port_file))


if __name__ == "__main__":
    main()
