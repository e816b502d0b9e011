"""The record stream of Scenario C: configuration updates and status probes, with the signals of a write gate.

Source: Scenario C of the hippo-llm-memory seed, reproduced draw for draw. Records repeat on purpose (one server has
many ports): as they stand they test the gate, not recall.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from hippo_core import InvalidInputError
from hippo_lab.worlds import GateFeatures

from hei_nw.suites.vocabulary import TEST, Vocabulary

EventType = Literal["config_update", "status_probe"]

PINNED = 0
"""Which of the servers is on the always-pin list."""
CRITICAL = 0
"""Which of the services is critical."""
_QUERIES = ("What port does {} use?", "Which port is {} running on?")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecord:
    """One record of the stream."""

    index: int
    """Place in the stream; even ones are configuration updates, odd ones status probes."""
    server: str
    event_type: EventType
    text: str
    gate: GateFeatures
    """`counters` holds `config_index` and `status_index`: how many of each the server had before this record."""
    service: str | None = None
    """Configuration updates only, like `port` and `query`."""
    port: int | None = None
    """In 1024 … 9999."""
    query: str | None = None
    """A question about the port; ambiguous where the server has several."""
    colour: str | None = None
    """Status probes only."""


def scenario_c_records(seed: int, n: int, *, vocabulary: Vocabulary = TEST) -> list[GateRecord]:
    """Return the first `n` records of the stream of `seed`.

    The generator is `random.Random(seed)`. Each record draws a server; an even one then a port, a service and a query,
    an odd one a colour. Novelty falls with the server's earlier records of the same kind, the synthetic surprise rises
    with them; reward iff the service is critical, pin iff the server is pinned, both for configuration updates only.

    Raises:
        InvalidInputError: `n` is negative.

    Example:
        >>> [(record.server, record.gate.novelty) for record in scenario_c_records(7, 3)]
        [('gamma', 1.0), ('alpha', 0.2), ('alpha', 1.0)]
    """
    if n < 0:
        raise InvalidInputError(f"`n` must be at least 0, not {n}.")
    rng = random.Random(seed)
    configs: Counter[str] = Counter()
    probes: Counter[str] = Counter()
    records: list[GateRecord] = []
    for index in range(n):
        server = rng.choice(vocabulary.servers)
        counters = {"config_index": configs[server], "status_index": probes[server]}
        if index % 2 == 0:
            records.append(_config_update(index, server, counters, rng, vocabulary))
            configs[server] += 1
        else:
            records.append(_status_probe(index, server, counters, rng, vocabulary))
            probes[server] += 1
    return records


def _config_update(
    index: int, server: str, counters: dict[str, int], rng: random.Random, words: Vocabulary
) -> GateRecord:
    port = rng.randint(1024, 9999)
    service = rng.choice(words.services)
    query = rng.choice(_QUERIES).format(server)
    reward, pin = service == words.services[CRITICAL], server == words.servers[PINNED]
    seen = counters["config_index"]
    gate = GateFeatures(
        remember=True,
        reward=reward,
        pin=pin,
        novelty=max(0.25, 1 - 0.2 * seen),
        surprise=1 + (port % 17) / 20 + 0.05 * seen,
        reward_annotation=f"Service {service} is marked critical; reward applied." if reward else None,
        pin_annotation=f"{server} belongs to the always-pin SRE list." if pin else None,
        counters=counters,
    )
    return GateRecord(
        index=index,
        server=server,
        event_type="config_update",
        text=f"Server {server} runs {service} on port {port}.",
        gate=gate,
        service=service,
        port=port,
        query=query,
    )


def _status_probe(
    index: int, server: str, counters: dict[str, int], rng: random.Random, words: Vocabulary
) -> GateRecord:
    colour = rng.choice(words.colours)
    seen = counters["status_index"]
    gate = GateFeatures(
        remember=False,
        novelty=max(0.05, 0.2 / (seen + 1)),
        surprise=0.3 + 0.07 * min(seen, 3),
        counters=counters,
    )
    text = f"{server} has a {colour} status light."
    return GateRecord(index=index, server=server, event_type="status_probe", text=text, gate=gate, colour=colour)
