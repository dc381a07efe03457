"""How fast and in how much memory records are written, against a server that takes no time to think.

    python benchmarks/writing.py --data-designer-python VENV/bin/python --json writing.json
    python benchmarks/writing.py --memory 12000

Each program runs as a command of its own against a fresh loopback server, itself a process, which answers after
50 ms with a story of 2,000 words. A record takes two dependent calls (a draft, and a rewrite that is shown the draft),
and at most 64 requests are in flight. Compared: `exempla write` as a user types it, NVIDIA's data-designer with two LLM
text columns, and the plain OpenAI SDK, which makes nothing safe and is the ceiling.

The clock of the first figure is the server's: from the first request that reached it to the last reply it gave, so it
is the same for all and holds whatever they do in between. The second is of the whole command, loading and tidying up
included.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from watching import ended, server

ROOT = Path(__file__).parent.parent
WORDS, LATENCY_MS, IN_FLIGHT, CALLS = 2_000, 50, 64, 2
SERVER = {"rule": "writer", "kinds": [["", "story"]], "words": WORDS, "latency_ms": LATENCY_MS}
BRIEF = (
    "Show somebody at work, let people interrupt each other, and leave the ending open; keep to what was asked for. "
    * 40
)
"""About as long as what `exempla write stories` sends: its instructions and a section of a constitution, 800 words."""
DRAFT = f"{BRIEF}\n\nWrite story number {{}} in about {WORDS} words. Reply with a line `Title: ...` and the story."
REWRITE = (
    f"{BRIEF}\n\nWrite this story again from its first word. Reply with a line `Title: ...` and the story.\n\n{{}}"
)


def exempla_command(url: str, n: int, out: Path) -> list[str]:
    """What a user types; the URL is in the environment (see `environment`)."""
    words = f"write stories --n {n} --model openai-api/loopback/m --out {out} --steps draft,rewrite --quiet"
    return [str(Path(sys.executable).with_name("exempla")), *words.split()]


def environment(url: str) -> dict[str, str]:
    """The variables of every contender: where the server is, no telemetry, no hub."""
    own = {
        "LOOPBACK_BASE_URL": url,
        "LOOPBACK_API_KEY": "none",
        "NEMO_TELEMETRY_ENABLED": "false",
        "HF_HUB_OFFLINE": "1",
    }
    return {**os.environ, **own}


# --- the other contenders, each in a process of its own --------------------------------------------------------------


async def with_sdk(url: str, n: int, out: Path) -> None:
    """Two dependent calls a record with the plain SDK; the replies go into one file."""
    from openai import AsyncOpenAI  # here, since data-designer's environment need not have it

    numbers = iter(range(n))
    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def say(prompt: str) -> str:
        reply = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}])
        return reply.choices[0].message.content or ""

    with (out / "sdk.jsonl").open("w", encoding="utf-8") as file:

        async def work() -> None:
            for number in numbers:  # shared, so that each worker takes the next
                draft = await say(DRAFT.format(number))
                file.write(json.dumps({"draft": draft, "text": await say(REWRITE.format(draft))}) + "\n")

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


def with_data_designer(url: str, n: int, out: Path) -> None:
    """Two LLM text columns, the second one's prompt holding the first; what is not set here is its default."""
    os.environ["DATA_DESIGNER_HOME"] = str(out)  # it keeps settings there, else in the user's home
    dd = importlib.import_module("data_designer.config")
    interface = importlib.import_module("data_designer.interface")
    model = dd.ModelConfig(
        alias="writer",
        model="m",
        provider="loopback",
        inference_parameters=dd.ChatCompletionInferenceParams(max_parallel_requests=IN_FLIGHT),
        skip_health_check=True,  # so that its first request is work
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.add_column(
        dd.SamplerColumnConfig(name="number", sampler_type=dd.SamplerType.UUID, params=dd.UUIDSamplerParams())
    )
    for name, prompt in (("draft", DRAFT.format("{{ number }}")), ("text", REWRITE.format("{{ draft }}"))):
        builder.add_column(dd.LLMTextColumnConfig(name=name, model_alias="writer", prompt=prompt))
    designer = interface.DataDesigner(
        artifact_path=out,
        model_providers=[dd.ModelProvider(name="loopback", endpoint=url, provider_type="openai", api_key="none")],
    )
    designer.set_run_config(dd.RunConfig(otel_metrics_port=None))  # it would open a port of its own
    found = designer.create(builder, num_records=n).load_dataset()
    print(f"{len(found)} records, {found['text'].str.len().mean():.0f} characters each")


# --- the measurement -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One program's run over n records; times in seconds."""

    who: str
    records: int
    work: float
    """From the first request to the last reply, by the server."""
    start: float
    """From the command to the first request."""
    whole: float
    cpu: float
    """Processor time of the program, all its threads together."""
    max_rss_mb: float
    requests: int
    most_in_flight: int
    server_cpu: float
    """Processor time of the server over the run; it shares the machine with the program."""
    load: float
    """The machine's load average (one minute) before: what else was going on."""


def measure(who: str, n: int, options: argparse.Namespace) -> Run:
    """Run one program against a fresh server and read off what it did."""
    psutil = importlib.import_module("psutil")  # here, since data-designer's environment has none

    with tempfile.TemporaryDirectory(prefix="writing-") as name:
        folder = Path(name)
        out = folder / "out"
        with server(folder, SERVER) as answering:
            loaded = psutil.Process(answering.pid).cpu_times()
            url = f"http://127.0.0.1:{(folder / 'port').read_text()}/v1"
            words = command(who, url, n, out, options)
            load, began = os.getloadavg()[0], time.time()
            with (folder / "said").open("wb") as said:
                process = subprocess.Popen(
                    words, stdout=said, stderr=subprocess.STDOUT, env=environment(url), cwd=folder
                )
                usage = ended(process, options.limit)
            whole = time.time() - began
            if answering.poll() is not None:
                raise SystemExit(f"the loopback server ended by itself with {answering.returncode} while {who} ran")
            answering.terminate()
            served = ended(answering, 20)
        if process.returncode != 0:
            tail = (folder / "said").read_text(errors="replace")[-3000:]
            raise SystemExit(f"{who} ended with {process.returncode} after {whole:.0f} s:\n{tail}")
        rows = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
        asked = [row for row in rows if "in_flight" in row]
        first, last = min(row["time"] for row in asked), max(row["ended"] for row in rows if "ended" in row)
        return Run(
            who=who,
            records=n,
            work=last - first,
            start=first - began,
            whole=whole,
            cpu=usage.ru_utime + usage.ru_stime,
            max_rss_mb=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
            requests=len(asked),
            most_in_flight=max(row["in_flight"] for row in asked),
            server_cpu=served.ru_utime + served.ru_stime - loaded.user - loaded.system,
            load=load,
        )


def command(who: str, url: str, n: int, out: Path, options: argparse.Namespace) -> list[str]:
    """What starts a program."""
    if who == "exempla":
        if options.command:
            return [word.format(url=url, n=n, out=out) for word in options.command.split()]
        return exempla_command(url, n, out)
    out.mkdir()
    python = str(options.data_designer_python) if who == "data-designer" else sys.executable
    return [python, str(Path(__file__).resolve()), "--as", who, "--url", url, "--n", str(n), "--out", str(out)]


def table(runs: list[Run]) -> list[list[str]]:
    """Medians over the rounds of each program."""
    rows = []
    for who in dict.fromkeys(run.who for run in runs):
        own = [run for run in runs if run.who == who]
        middle = {
            name: statistics.median(getattr(run, name) for run in own)
            for name in ("work", "start", "whole", "cpu", "max_rss_mb", "requests", "most_in_flight", "server_cpu")
        }
        n = own[0].records
        rows.append(
            [
                who,
                f"{n / middle['work']:.0f}",
                f"{n / middle['whole']:.0f}",
                f"{middle['start']:.1f}",
                f"{middle['whole'] - middle['start'] - middle['work']:.1f}",
                f"{1000 * middle['cpu'] / n:.0f}",
                f"{middle['max_rss_mb']:.0f}",
                f"{middle['requests']:.0f}",
                f"{middle['most_in_flight']:.0f}",
                f"{1000 * middle['server_cpu'] / middle['requests']:.2f}",
            ]
        )
    return rows


def versions(options: argparse.Namespace) -> dict[str, str]:
    """Of what is compared, data-designer's asked of its own environment."""
    found = {name: importlib.metadata.version(name) for name in ("openai", "inspect-ai")}
    if "data-designer" in options.who:
        ask = "import importlib.metadata as m; print(m.version('data-designer'))"
        answer = subprocess.run([options.data_designer_python, "-c", ask], capture_output=True, text=True, check=True)
        found["data-designer"] = answer.stdout.strip()
    return found


def compare(options: argparse.Namespace) -> None:
    """Let the programs take turns, and print and keep the figures."""
    who, n, rounds = options.who, options.n, options.rounds
    runs: list[Run] = []
    for number in range(rounds):
        for name in who[number % len(who) :] + who[: number % len(who)]:
            runs.append(measure(name, n, options))
            last = runs[-1]
            print(
                f"  round {number + 1}, {name}: {n / last.work:.1f} records/s, {last.max_rss_mb:.0f} MB, "
                f"load {last.load:.1f}",
                flush=True,
            )
    # Only now: Linux counts the size of the process that started a program as the program's own, and this one brings
    # torch in (data-designer's environment has neither it nor exempla).
    from account import save, show

    show(
        f"Writing {n} records, {CALLS} calls each, {WORDS} words a reply, {LATENCY_MS} ms, {IN_FLIGHT} in flight",
        ["", "records/s", "whole", "start s", "end s", "CPU ms", "MB", "calls", "in flight", "server ms"],
        table(sorted(runs, key=lambda run: who.index(run.who))),
        [
            "records/s: between the first request and the last reply; whole: over the command, start to exit.",
            "CPU ms: processor time a record, all threads; MB: largest resident size; server ms: the server's a call.",
            f"Latency alone allows {IN_FLIGHT / LATENCY_MS * 1000 / CALLS:.0f} records/s. The machine's load average "
            f"was {min(run.load for run in runs):.1f} to {max(run.load for run in runs):.1f} before a run.",
            *(f"{run.who} made {run.requests} calls, not {CALLS * n}." for run in runs if run.requests != CALLS * n),
        ],
    )
    save(options.json, "writing", {"compared": versions(options), "runs": [vars(run) for run in runs]})


def main() -> None:
    """Compare, or be one of the programs compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=600, help="records")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--who", type=lambda text: text.split(","), default="exempla,data-designer,sdk")
    parser.add_argument(
        "--data-designer-python", type=Path, help="the interpreter of an environment with data-designer"
    )
    parser.add_argument("--command", default="", help="instead of exempla's own; may hold {url}, {n} and {out}")
    parser.add_argument("--memory", type=int, default=0, metavar="N", help="only write N records with exempla")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds after which a run is stopped")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--as", dest="role", choices=("sdk", "data-designer"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        options.who, options.n, options.rounds = ["exempla"], options.memory, 1
    if options.role == "sdk":
        asyncio.run(with_sdk(options.url, options.n, options.out))
    elif options.role == "data-designer":
        with_data_designer(options.url, options.n, options.out)
    elif "data-designer" in options.who and not options.data_designer_python:
        parser.error("--data-designer-python is missing; or leave data-designer out with --who exempla,sdk")
    else:
        compare(options)


if __name__ == "__main__":
    main()
