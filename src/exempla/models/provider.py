"""An Inspect model provider for models in this process: the embedded one, a model folder, or a model of a hub.

    inspect eval exempla/dilemmas --model exempla/embedded
    inspect eval exempla/dilemmas --model exempla//models/mine -M batch=16

Requests that wait at the same time are sampled together. What is sampled together is put in a fixed order and its seed
is made of its own seeds and prompts, so that the same requests give the same texts in whatever order they come.
"""

# mypy: disable-error-code="misc,untyped-decorator"
# (Inspect's classes and decorators have types, but our configuration does not follow an optional package.)

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage, modelapi
from inspect_ai.tool import ToolChoice, ToolInfo

from exempla.errors import UserError
from exempla.models.layout import Layout, head_of
from exempla.models.toolcalls import MARKS, RESULT, read

if TYPE_CHECKING:
    from exempla.models.sampling import Row, Sampled, Sampling
    from exempla.models.subject import Subject

BATCH = 32
MAX_TOKENS = 512
"""New tokens of a reply whose request sets no limit. Small models ramble, and on a CPU each token counts."""
LOOK_SECONDS = 0.05
"""Between two looks at whether the queue still grows. Callers that got a reply send their next request within a few
milliseconds, and a batch takes seconds."""
PATIENCE_SECONDS = 1.0
"""How long requests that keep coming may hold up a batch that is full already."""
STOP_REASONS = {"end": "stop", "stop": "stop", "words": "stop", "limit": "max_tokens", "context": "model_length"}
UNSUPPORTED = (
    "num_choices",
    "best_of",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "prompt_logprobs",
    "response_schema",
)

watch: Callable[[int, int], None] | None = None
"""Called now and then while a batch is sampled, from the thread that does it, with the number of rows and of the tokens
sampled so far in each. A progress display may set it."""

_one_batch = threading.Lock()
"""Sampling uses the process's one stream of random numbers and all its cores, so batches of two models take turns."""


class ProviderError(UserError, PrerequisiteError):
    """A request or a model that this provider cannot serve, in one line that Inspect shows without a traceback."""


class _AbandonedError(Exception):
    """Nobody waits for the batch any more."""


@dataclass(eq=False)
class _Request:
    row: Row
    sampling: Sampling
    future: Future[Sampled] = field(default_factory=Future)
    passed_over: int = 0
    """Batches that were taken without it while it waited."""


class Queue:
    """Requests for one model that wait to be sampled, and the thread that samples them, one batch at a time."""

    def __init__(self, name: str, batch: int) -> None:
        self.name = name
        self.batch = batch
        self._waiting: list[_Request] = []
        self._subject: Subject | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, row: Row, sampling: Sampling) -> Future[Sampled]:
        """Queue a row; whoever cancels the future gives it up."""
        request = _Request(row, sampling)
        with self._lock:
            self._waiting.append(request)
            if self._thread is None:  # it ends when there is nothing left to do
                self._thread = threading.Thread(target=self._work, name=f"sampling {self.name}", daemon=True)
                self._thread.start()
        return request.future

    def close(self) -> None:
        """Free the model; a request that comes later loads it again."""
        self._subject = None
        gc.collect()

    def _work(self) -> None:
        while batch := self._next():
            try:
                sampled = self._sample(batch)
            except Exception as error:
                for request in batch:
                    # A caller may give its request up at any moment.
                    with contextlib.suppress(InvalidStateError):
                        request.future.set_exception(error)
            else:
                for request, one in zip(batch, sampled, strict=True):
                    with contextlib.suppress(InvalidStateError):
                        request.future.set_result(one)

    def _next(self) -> list[_Request]:
        """The next batch, or none when nothing waits any more."""
        self._settle()
        with self._lock:
            self._waiting = [request for request in self._waiting if not request.future.cancelled()]
            if not self._waiting:
                self._thread = None
                return []
            # Who has waited longest comes first; among those who came together, the order is by content.
            self._waiting.sort(key=lambda request: (-request.passed_over, request.sampling, request.row))
            first = self._waiting[0].sampling
            taken = [request for request in self._waiting if request.sampling == first][: self.batch]
            self._waiting = [request for request in self._waiting if request not in taken]
            for request in self._waiting:
                request.passed_over += 1
            return taken

    def _settle(self) -> None:
        """Wait until the queue has stopped growing, so that what is in a batch does not hang on a few milliseconds."""
        began = time.monotonic()
        quiet, before = 0, len(self._waiting)
        while quiet < 2:
            time.sleep(LOOK_SECONDS)
            now = len(self._waiting)
            quiet, before = (quiet + 1 if now == before else 0), now
            if now >= self.batch and time.monotonic() - began > PATIENCE_SECONDS:
                return

    def _sample(self, batch: Sequence[_Request]) -> list[Sampled]:
        from exempla.models.sampling import sample
        from exempla.models.subject import load_subject

        def tell(rows: int, tokens: int) -> None:
            if all(request.future.cancelled() for request in batch):
                raise _AbandonedError
            if watch is not None:
                watch(rows, tokens)

        with _one_batch:
            subject = self._subject
            if subject is None:
                try:
                    subject = self._subject = load_subject(self.name)
                except UserError as error:
                    raise ProviderError(str(error)) from error
            return sample(subject, [request.row for request in batch], batch[0].sampling, tell)


class LocalModel(ModelAPI):
    """A model that runs in this process.

    Of a message's metadata, `head` says how many of its first characters other prompts begin with too; such a head is
    read once for all of them. Of the `extra_body` of a request's settings, `end_after_words` ends the reply at the
    first paragraph's end after so many words. A request without a seed that was asked before is drawn anew.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **model_args: Any,
    ) -> None:
        """Fetch the model's tokenizer; the model itself is loaded by the first request.

        Args:
            model_name: `embedded`, a folder, or a model's name on a hub.
            base_url: no use is made of it.
            api_key: no use is made of it.
            config: no use is made of it.
            model_args: `batch`, the most requests that are sampled together (32 if unset), and `continuation`: whether
                the text of the one message is gone on from as it stands, without a chat template.

        Raises:
            ProviderError: there is no such model, it cannot chat, or an argument is not one of these.
        """
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        batch = model_args.pop("batch", BATCH)
        self.continuation = model_args.pop("continuation", False)
        if model_args:
            raise ProviderError(f"unknown model argument {sorted(model_args)[0]!r}; there are batch and continuation")
        if type(batch) is not int or batch < 1:
            raise ProviderError(f"batch={batch!r}; give a number of requests, at least 1")
        if not isinstance(self.continuation, bool):
            raise ProviderError(f"continuation={self.continuation!r}; give true or false")
        from exempla.models.subject import load_tokenizer

        try:
            self.tokenizer = load_tokenizer(model_name)
        except UserError as error:
            raise ProviderError(str(error)) from error
        if not self.continuation and not self.tokenizer.chat_template:
            raise ProviderError(
                f"{model_name}: is a base model (its tokenizer has no chat template) and cannot chat; give the model "
                "argument continuation=true to have texts continued"
            )
        self.layout = Layout(model_name, self.tokenizer)
        self.queue = Queue(model_name, batch)
        self._asked: Counter[int] = Counter()

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """A reply to the messages, or the continuation of the one message.

        Nothing makes a model call a tool here: a `tool_choice` of `any` is taken as `auto`.

        Raises:
            ProviderError: the request asks for what this provider does not do.
        """
        from exempla.models.sampling import Row

        offered = self._offered(tools, tool_choice)
        text, head = self._prompt(input, offered)
        seed = config.seed
        if seed is None:
            # Without this, epochs whose batches are made of the same samples would all be the same.
            seed = self._asked[hash(text)]
            self._asked[hash(text)] += 1
        words = (config.extra_body or {}).get("end_after_words", 0)
        if type(words) is not int or words < 0:
            raise ProviderError(f"end_after_words={words!r}; give a number of words")
        row = Row(
            seed=seed,
            text=text,
            max_tokens=config.max_tokens or MAX_TOKENS,
            head=head,
            raw=self.continuation,
            stop=tuple(sequence for sequence in (*(config.stop_seqs or ()), RESULT if offered else "") if sequence),
            end_after_words=words,
            keep=MARKS if offered else (),
        )
        sampled = await asyncio.wrap_future(self.queue.submit(row, _sampling(config)))
        content, calls = read(sampled.text, text) if offered else (sampled.text, [])
        output = ModelOutput.from_content(self.model_name, content, STOP_REASONS[sampled.finish])
        if calls:
            output.message.tool_calls = calls
            output.choices[0].stop_reason = "tool_calls"
        output.usage = ModelUsage(
            input_tokens=sampled.tokens_in,
            output_tokens=sampled.tokens_out,
            total_tokens=sampled.tokens_in + sampled.tokens_out,
        )
        output.metadata = {"finish": sampled.finish}
        return output

    def _prompt(self, messages: Sequence[ChatMessage], tools: Sequence[ToolInfo] = ()) -> tuple[str, int]:
        """The text that is read, and how many of its first characters are shared."""
        for message in messages:
            if not isinstance(message.content, str) and any(
                part.type not in ("text", "reasoning") for part in message.content
            ):
                raise ProviderError(f"{self.model_name}: takes text only, no images, sound or files")
        if self.continuation:
            if len(messages) != 1 or messages[0].role != "user" or not messages[0].text:
                raise ProviderError(
                    f"{self.model_name}: with continuation=true a request is one user message, whose text is gone on "
                    "from; leave out the system message and earlier turns"
                )
            text = str(messages[0].text)
            return text, min(head_of(messages[0]), len(text))
        try:
            return self.layout.text(messages, tools)
        except UserError as error:
            raise ProviderError(str(error)) from error

    def _offered(self, tools: Sequence[ToolInfo], choice: ToolChoice) -> Sequence[ToolInfo]:
        """The tools that the model is shown."""
        if not tools or choice == "none":
            return ()
        if self.continuation:
            # Leaving them out would make a model look safe that was never offered a way to do harm.
            raise ProviderError(
                f"{self.model_name}: with continuation=true a model takes no tools; leave out one or the other"
            )
        if not isinstance(choice, str):
            raise ProviderError(
                f"{self.model_name}: tool_choice={choice.name!r}: a model in this process cannot be made to call a "
                "tool; give auto, any or none"
            )
        return tools

    async def count_text_tokens(self, text: str) -> int:
        """Length in the model's own tokens; Inspect's estimate would download a vocabulary."""
        return max(1, len(await self.tokenize(text)))

    async def tokenize(self, text: str) -> list[int]:
        """The text's token ids, without those that begin or end a text."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def max_tokens(self) -> int:
        """The limit of a request that sets none."""
        return MAX_TOKENS

    def max_connections(self) -> int:
        """As many requests at once as one batch holds."""
        return self.queue.batch

    def connection_key(self) -> str:
        """Two models do not share their connections."""
        return str(self.model_name)

    def collapse_user_messages(self) -> bool:
        """Chat templates want turns that alternate."""
        return True

    def collapse_assistant_messages(self) -> bool:
        """Chat templates want turns that alternate."""
        return True

    def close(self) -> None:
        """Free the model."""
        self.queue.close()


def _sampling(config: GenerateConfig) -> Sampling:
    """How a request's tokens are drawn: by default at temperature 1 from the 100 likeliest.

    Raises:
        ProviderError: a setting would change the reply, and is not supported.
    """
    from exempla.models.sampling import TOP_K, Sampling

    for name in UNSUPPORTED:
        value = getattr(config, name, None)
        if value and (value, name) not in ((1, "num_choices"), (1, "best_of")):
            raise ProviderError(f"{name}={value!r}: models in this process do not support it; leave it out")
    if (config.temperature or 0) < 0:
        raise ProviderError(f"temperature={config.temperature!r}; give 0 or more")
    return Sampling(
        temperature=1.0 if config.temperature is None else float(config.temperature),
        top_k=TOP_K if config.top_k is None else max(config.top_k, 0),
        top_p=1.0 if config.top_p is None else float(config.top_p),
    )


@modelapi(name="exempla")
def provider() -> type[ModelAPI]:
    """What Inspect asks when a model's name begins with `exempla/`."""
    return LocalModel
