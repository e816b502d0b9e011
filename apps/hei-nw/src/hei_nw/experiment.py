"""One run from configuration to report."""

from __future__ import annotations

import shlex
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from hippo_core import utc_now
from hippo_lab.console import print_results, print_tables
from hippo_lab.environment import config_hash, describe_hardware, installed_versions, source_state
from hippo_lab.metrics import Metrics, RunInfo, SuiteMetrics
from hippo_lab.predictions import Prediction, summarise
from hippo_lab.report import Section, write_report
from hippo_lab.runs import RunFolder
from hippo_lab.tables import Table
from rich.console import Console

from hei_nw.config import LOCOMO, RunConfig
from hei_nw.evidence import evaluate_locomo
from hei_nw.memories import Teaching
from hei_nw.nights_report import nights_section, with_nights
from hei_nw.stages import (
    bench_of,
    collect_predictions,
    collect_rested,
    collect_teaching,
    generated_suites,
    nights_to_do,
    run_stage,
)

_VERSIONS = ("hei-nw", "hippo-core", "hippo-episodic", "hippo-adapters", "hippo-train", "hippo-lab", "torch",
             "transformers", "sentence-transformers", "faiss-cpu", "numpy", "bm25s")  # fmt: skip


def run_experiment(config: RunConfig, *, command: Sequence[str], console: Console) -> Path:
    """Teach, answer in a fresh process, score and report; return the run folder.

    Args:
        config: what to do.
        command: the command line, for the record.
        console: where progress and results are shown.

    Raises:
        StageFailedError: a worker process failed.
    """
    start = time.perf_counter()
    folder = RunFolder.create(config.output, "hei-nw", config=config.document(), clock=utc_now)
    console.print(f"Run folder: {folder.path}", highlight=False)
    suites: dict[str, SuiteMetrics] = {}
    sections: list[Section] = []
    nightly: tuple[Table, ...] = ()
    if generated_suites(config):
        run_stage("teach", config, folder, console=console)
        if nights_to_do(config, folder.path):
            run_stage("rest", config, folder, console=console)
        run_stage("answer", config, folder, console=console)
        suites |= _summaries(config, collect_predictions(config, folder))
        sections.append(_teaching_section(collect_teaching(config, folder)))
        if rested := collect_rested(config, folder):
            suites |= {
                suite: with_nights(suites[suite], [one for one in rested if one.suite == suite])
                for suite in dict.fromkeys(one.suite for one in rested)
            }
            sections.append(nights_section(rested, suites))
            nightly = sections[-1].tables
    if LOCOMO in config.suite:
        evidence = evaluate_locomo(str(config.locomo), bench_of(config), console=console)
        suites |= evidence.metrics
        sections += evidence.sections
    source = source_state(Path(__file__).parent)
    run = RunInfo(
        commit=source.commit,
        dirty=source.dirty,
        versions=installed_versions(_VERSIONS),
        model=config.model,
        seeds=config.seed,
        hardware=describe_hardware(),
        command=shlex.join(command),
        config_hash=config_hash(config.document()),
        seconds=round(time.perf_counter() - start, 1),
    )
    document = folder.write_metrics(Metrics(experiment="hei-nw", run=run, suites=suites))
    report, page = write_report(folder.path, document, folder.predictions(), extra=sections)
    print_results(document, console=console)
    print_tables(nightly, console=console)
    console.print(f"\nReport: {report} and {page}\nMetrics: {folder.path / 'metrics.json'}", highlight=False)
    return folder.path


def _summaries(config: RunConfig, predictions: Sequence[Prediction]) -> dict[str, SuiteMetrics]:
    by_suite: Mapping[str, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        by_suite[prediction.suite].append(prediction)
    found: dict[str, SuiteMetrics] = {}
    for suite in generated_suites(config):
        arms = config.arms_of(suite)
        controlled = {"text", "emptied", "shuffled"} <= set(arms)
        found[suite] = summarise(
            by_suite[suite],
            compare=[("text", arm) for arm in arms if arm not in ("text", "emptied", "shuffled")] if controlled else [],
            effect_of="text" if controlled else None,
            rng=np.random.default_rng(0),
        )
    return found


def _teaching_section(figures: Sequence[Teaching]) -> Section:
    rows: list[tuple[str, ...]] = []
    for one in figures:
        gated = one.kept is not None
        rows.append(
            (
                one.suite,
                str(one.seed),
                f"{one.episodes:,}",
                f"{one.episodes / one.write_seconds:,.0f}",
                f"{one.episodes / one.encode_seconds:,.0f}",
                f"{one.episodes / one.surprise_seconds:,.0f}" if gated else "",
                f"{one.mean_surprise:.2f}" if gated else "",
                f"{(one.kept or 0) / one.episodes:.0%}" if gated else "",
                f"{one.kept_gold:.0%}" if gated else "",
                f"{one.store_bytes['plain'] / 1e6:.1f}",
            )
        )
    head = ("suite", "seed", "episodes", "written/s", "encoded/s", "surprise/s", "nats/token", "gate keeps",
              "gold kept", "store MB")  # fmt: skip
    return Section(title="Teaching", tables=(Table(title="Teaching", head=head, rows=tuple(rows)),))
