"""CounterFact: 200 facts changed at once in a small model's weights, and what each way of learning them costs.

    python benchmarks/counterfact.py counterfact_train_2000.json --drift-text wiki.valid.tokens
    python benchmarks/counterfact.py counterfact_train_2000.json --records 40 --steps 20 --arms raw replay

Question, written before the run: with the same LoRA layers, optimiser, steps and tokens in a step, does replaying the
model's own text keep more of what was not to change than the ways without it, at the same efficacy and paraphrase?

Arms. A record's `prompt` and `target_new` are all that any of them learns from; `rephrase_prompt` and
`locality_prompt` are only scored.

- `base`: nothing learnt.
- `raw`: cross-entropy on the record's sentence, all of its tokens.
- `rewrites`: cross-entropy on the target, after the prompt alone and after seven beginnings of the model's own.
- `distil`: the same rows; the target is what the base model expects after it has read the sentence, and the record's
  own tokens where that is wrong.
- `penalty`: `rewrites`, with the KL from the base model on the words before the target in place of replay.
- `replay`: `rewrites`, with what a night adds: KL on own text and on everyday questions, and `Stillness`.
- `mixed`: `replay` that also holds still what is expected after prompts that mix two records, one's words about the
  other's subject, as a night's questions that no trace answers do. Of 12 reminders in a step one or two are everyday
  questions, where `replay` has 4 of these.

An arm without reminders learns more rows in a step, so that all see as many tokens. Efficacy, paraphrase and locality
are as in Meng et al. 2022 (arXiv:2202.05262): the share of prompts after which the new object is likelier than the
old one, for locality the share of neighbours after which it is not. `accuracy` is the share of prompts after which the
object is what the model would say, `agreement` that of neighbours after which its next token is the one it was before.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hippo_adapters import LanguageModel, load_model
from hippo_lab.environment import describe_hardware, installed_versions, source_state
from hippo_lab.statistics import mean_interval, paired_difference
from hippo_train import ConsolidationConfig
from hippo_train.consolidation.guards import Guard, answers_to
from hippo_train.consolidation.learning import Curriculum, StepLosses, learn, learning_layers
from hippo_train.consolidation.lessons import (
    Lesson,
    Row,
    SoftTarget,
    as_lessons,
    as_reminders,
    questions_row,
    statement_row,
    text_row,
)
from hippo_train.consolidation.own_text import sample_passages, sample_questions, sample_replay
from hippo_train.consolidation.split import SplitModel

ARMS = ("raw", "rewrites", "distil", "penalty", "replay", "mixed")
RESULT = Path(__file__).parent / "results" / "counterfact--smollm2-135m.json"
_BEGINNINGS, _BEGUN = 7, 10  # rows of a record besides the bare one, and tokens of each beginning
_OWN_TOKENS, _GUARD_SEED = 64, 1
_MIXED, _MIXED_NEAR = (
    4,
    12,
)  # prompts about other subjects for each record, and reminders in a step that holds them still


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A record of CounterFact: what is to be said after `prompt` from now on, and what is not to change."""

    subject: str
    prompt: str
    rephrased: str
    neighbour: str
    new: str
    old: str
    neighbour_old: str

    @property
    def sentence(self) -> str:
        """Return what is told."""
        return f"{self.prompt} {self.new}."


def read_edits(file: Path, count: int, *, seed: int) -> list[Edit]:
    """Return `count` records of different subjects."""
    by_subject = {each["subject"]: each for each in json.loads(file.read_text("utf-8"))}
    return [
        Edit(
            subject=each["subject"],
            prompt=each["prompt"],
            rephrased=each["rephrase_prompt"],
            neighbour=each["locality_prompt"],
            new=each["target_new"],
            old=each["ground_truth"],
            neighbour_old=each["locality_ground_truth"],
        )
        for each in random.Random(seed).sample(list(by_subject.values()), count)
    ]


def target_row(model: LanguageModel, before: str, target: str) -> Row:
    """Return a row of which the target alone is learnt."""
    opening, said = model.encode("\n" + before), model.encode(f" {target}")
    return Row(tokens=(*opening, *said), learnt=tuple(range(len(opening), len(opening) + len(said))), questions=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """All that the arms learn from."""

    raw: list[Lesson]
    rewrites: list[Lesson]
    distil: list[Lesson]
    before: list[Lesson]
    near: list[Lesson]
    mixed: list[Lesson]
    own: list[Lesson]


def prepare(model: LanguageModel, split: SplitModel, edits: Sequence[Edit], config: ConsolidationConfig) -> Material:
    """Return the rows of every arm."""
    rng = random.Random(config.seed)
    begun = sample_passages(model, 128, tokens=_BEGUN + 1, seed=config.seed + 7)
    beginnings = [" ".join(str(model.tokenizer.decode(row[1:])).split()).rstrip(".") for row in begun]
    prompts = [
        (edit, before + edit.prompt)
        for edit in edits
        for before in ["", *(f"{each}. " for each in rng.sample(beginnings, _BEGINNINGS))]
    ]
    rows = [target_row(model, prompt, edit.new) for edit, prompt in prompts]
    raw = [replace(statement_row(model, edit.sentence), questions=1) for edit in edits]
    rewrites = as_lessons(split, rows)
    passages = sample_replay(model, config.own_passages, tokens=_OWN_TOKENS, seed=config.seed)
    everyday = sample_questions(model, config.everyday_questions, seed=config.seed)
    asked = [
        questions_row(model, [pair]) for pair in zip(everyday, answers_to(model, everyday), strict=True) if pair[1]
    ]
    return Material(
        raw=as_lessons(split, raw),
        rewrites=rewrites,
        distil=distilled(model, split, [model.encode("\n" + edit.sentence) for edit, _ in prompts], rows, rewrites),
        before=as_reminders(split, [replace(row, learnt=tuple(range(1, row.learnt[0])), questions=0) for row in rows]),
        near=as_reminders(split, asked),
        mixed=as_reminders(split, mixed_rows(model, edits, rng)),
        own=as_reminders(split, [text_row(passage) for passage in passages]),
    )


def mixed_rows(model: LanguageModel, edits: Sequence[Edit], rng: random.Random) -> list[Row]:
    """Return the records' prompts about subjects of other records; what is held still is what comes after them."""
    rows: list[Row] = []
    told = {edit.prompt for edit in edits}
    for edit in edits:
        about = [edit.prompt.replace(edit.subject, other.subject) for other in edits]
        about = [prompt for prompt in dict.fromkeys(about) if prompt not in told]
        for prompt in rng.sample(about, min(_MIXED, len(about))):
            tokens = model.encode("\n" + prompt)
            rows.append(Row(tokens=(*tokens, tokens[0]), learnt=(len(tokens),)))  # the last token stands for any
    return rows


@torch.no_grad()
def distilled(
    model: LanguageModel, split: SplitModel, read: Sequence[list[int]], rows: Sequence[Row], gold: Sequence[Lesson]
) -> list[Lesson]:
    """Return rows whose target is what the model expects when it has just read the sentence, where that is right."""
    found: list[Lesson] = []
    for start in range(0, len(rows), 32):
        part = range(start, min(start + 32, len(rows)))
        states = split.states([[*read[i], *rows[i].tokens] for i in part])
        places = [torch.tensor(rows[i].learnt) + len(read[i]) for i in part]
        each = split.logits(states, places).split([len(place) for place in places])
        for i, logits in zip(part, each, strict=True):
            right = logits.argmax(-1).tolist() == [rows[i].tokens[place] for place in rows[i].learnt]
            found.append(replace(gold[i], target=SoftTarget.of(logits)) if right else gold[i])
    return found


def curriculum_of(arm: str, found: Material, config: ConsolidationConfig) -> tuple[Curriculum, ConsolidationConfig]:
    """Return what an arm learns, and with what settings: as many tokens a step as `replay`."""
    rows = {"raw": found.raw, "distil": found.distil}.get(arm, found.rewrites)
    near, own = {
        "replay": (found.near, found.own),
        "mixed": ([*found.near, *found.mixed], found.own),
        "penalty": (found.before, []),
    }.get(arm, ([], []))
    replayed = arm in ("replay", "mixed")
    length = _mean_length(found.rewrites)
    tokens = config.questions * length + config.own * _OWN_TOKENS + config.near * _mean_length(found.near)
    questions, reminders = round(tokens / _mean_length(rows)), 0
    if arm == "penalty":
        questions = config.questions
        reminders = round((tokens - questions * length) / _mean_length(found.before))
    elif arm == "replay":
        questions, reminders = config.questions, config.near
    elif arm == "mixed":
        reminders = _MIXED_NEAR
        tokens -= config.own * _OWN_TOKENS + reminders * _mean_length(near)
        questions = round(tokens / length)
    return (
        Curriculum(questions=rows, statements=[], near=near, own=own),
        replace(
            config,
            questions=questions,
            near=reminders,
            own=config.own if replayed else 0,
            stillness_weight=config.stillness_weight if replayed else 0.0,
        ),
    )


def _mean_length(lessons: Sequence[Lesson]) -> float:
    return sum(len(lesson.states) for lesson in lessons) / len(lessons)


@torch.no_grad()
def score(model: LanguageModel, edits: Sequence[Edit]) -> dict[str, list[float]]:
    """Return one number an edit for each measure, and the next token after each neighbour."""
    found: dict[str, list[float]] = {}
    for name, prompts in (
        ("efficacy", [edit.prompt for edit in edits]),
        ("paraphrase", [edit.rephrased for edit in edits]),
    ):
        new = [likelihood(model, prompt, edit.new) for prompt, edit in zip(prompts, edits, strict=True)]
        old = [likelihood(model, prompt, edit.old)[0] for prompt, edit in zip(prompts, edits, strict=True)]
        found[name] = [float(one > other) for (one, _, _), other in zip(new, old, strict=True)]
        found[f"{name} accuracy"] = [float(said) for _, said, _ in new]
    new = [likelihood(model, edit.neighbour, edit.new)[0] for edit in edits]
    kept = [likelihood(model, edit.neighbour, edit.neighbour_old) for edit in edits]
    found["locality"] = [float(one > other) for (one, _, _), other in zip(kept, new, strict=True)]
    found["next token"] = [float(next_token) for _, _, next_token in kept]
    return found


def likelihood(model: LanguageModel, prompt: str, target: str) -> tuple[float, bool, int]:
    """Return the mean log-probability of a target's tokens, whether each is the likeliest, and the likeliest first."""
    row = target_row(model, prompt, target)
    logits = model.model(input_ids=torch.tensor([row.tokens], device=model.device), use_cache=False).logits[0]
    places = torch.tensor(row.learnt)
    wanted = torch.tensor([row.tokens[place] for place in row.learnt])
    found = logits[places - 1].float().cpu().log_softmax(-1)
    said = found.argmax(-1)
    return float(found.gather(-1, wanted[:, None]).mean()), bool((said == wanted).all()), int(said[0])


def run(arguments: argparse.Namespace, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Return every arm's scores, an edit each, and what it cost."""
    model = load_model("smollm2-135m", dtype="float32")
    edits = read_edits(arguments.file, arguments.records, seed=seed)
    config = ConsolidationConfig(steps=arguments.steps, seed=seed, own_passages=192)
    split = SplitModel(model, config.blocks(model.layers).start)
    tell("listening to the model")
    text = (
        model.encode(arguments.drift_text.read_text("utf-8"))[: config.guarded_tokens] if arguments.drift_text else []
    )
    drift = [text[start : start + 1024] for start in range(0, len(text), 1024)]
    drift = drift or sample_passages(model, 40, tokens=256, seed=config.seed + _GUARD_SEED)
    held = sample_questions(model, config.everyday_questions, seed=config.seed + _GUARD_SEED)
    guard = Guard(model, drift, held)
    found = prepare(model, split, edits, config)
    tell(f"{len(edits)} records, {len(found.rewrites)} rows")
    scores = {"base": score(model, edits)}
    costs: dict[str, Any] = {}
    for arm in arguments.arms:
        start = time.perf_counter()
        curriculum, settings = curriculum_of(arm, found, config)
        with learning_layers(model, settings, None) as adapted:

            def each(losses: StepLosses, arm: str = arm) -> None:
                if losses.step % 25 == 0:
                    tell(f"{arm} step {losses.step}, loss {losses.traces or 0:.3f}")

            log = learn(adapted, split, curriculum, settings, each)
            seconds = time.perf_counter() - start
            scores[arm] = score(model, edits)
            costs[arm] = asdict(guard.measure(retention=None)) | {
                "seconds": round(seconds),
                "rows a step": settings.questions,
                "last loss": log[-1].traces,
            }
        tell(f"{arm} " + json.dumps(costs[arm]))
    for arm in scores:
        said = scores[arm]["next token"]
        scores[arm]["agreement"] = [float(a == b) for a, b in zip(said, scores["base"]["next token"], strict=True)]
    for each in scores.values():
        del each["next token"]
    return {"scores": scores, "costs": costs, "config": asdict(config)}


def summary(runs: Sequence[dict[str, Any]], seeds: Sequence[int]) -> dict[str, Any]:
    """Return means and differences with 95 % intervals."""
    arms = list(runs[0]["scores"])
    labels = [seed for seed, run in zip(seeds, runs, strict=True) for _ in run["scores"]["base"]["efficacy"]]
    joined = {
        arm: {name: [x for run in runs for x in run["scores"][arm][name]] for name in runs[0]["scores"][arm]}
        for arm in arms
    }
    table: dict[str, Any] = {}
    for arm, measures in joined.items():
        table[arm] = {
            name: asdict(mean_interval(values, labels, rng=np.random.default_rng(0)))
            for name, values in measures.items()
        }
    against = {
        arm: {
            name: asdict(paired_difference(joined["replay"][name], values, labels, rng=np.random.default_rng(0))[0])
            for name, values in measures.items()
        }
        for arm, measures in joined.items()
        if "replay" in joined and arm not in ("base", "replay")
    }
    return {"arms": table, "replay minus": against}


def main(arguments: argparse.Namespace) -> None:
    start = time.perf_counter()

    def tell(what: str) -> None:
        print(f"[{time.perf_counter() - start:5.0f} s] {what}", flush=True)

    state = source_state(Path(__file__).parent)
    runs = [run(arguments, seed, tell) for seed in arguments.seeds]
    shown = summary(runs, arguments.seeds)
    print(f"{'':10s}" + "".join(f"{name:>22s}" for name in shown["arms"]["base"]))
    for arm, measures in shown["arms"].items():
        cells = [f"{each['mean']:.3f} [{each['low']:.2f}, {each['high']:.2f}]" for each in measures.values()]
        print(f"{arm:10s}" + "".join(f"{cell:>22s}" for cell in cells))
    if arguments.keep:
        cause = {
            "command": f"python benchmarks/counterfact.py {arguments.file.name} --records {arguments.records} "
            f"--steps {arguments.steps} --seeds {' '.join(map(str, arguments.seeds))} "
            f"--arms {' '.join(arguments.arms)}"
            + (f" --drift-text {arguments.drift_text.name}" if arguments.drift_text else ""),
            "commit": state.commit,
            "dirty": state.dirty,
            "hardware": describe_hardware(),
            "versions": installed_versions(["hippo-train", "torch", "transformers", "peft"]),
            "model": "smollm2-135m",
            "seeds": arguments.seeds,
            "seconds": round(time.perf_counter() - start),
        }
        document = {"cause": cause, "config": runs[0]["config"], "costs": [each["costs"] for each in runs], **shown}
        RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="records of CounterFact in the flat form of EasyEdit")
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="each draws its records anew")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--drift-text", type=Path, help="a text file; without it, what the model says by itself")
    parser.add_argument("--keep", action="store_true", help="write the figures to benchmarks/results")
    main(parser.parse_args())
