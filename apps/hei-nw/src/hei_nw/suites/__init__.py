"""The worlds that HEI-NW is tested in.

`scenario_a` to `scenario_e` are generated; `hippo_lab.proofs.prove` shows that each question has one right answer given
what was taught and none without it. `locomo` reads real conversations from a file that the user gives.
"""

from hei_nw.suites import scenario_a, scenario_b, scenario_c, scenario_d, scenario_e
from hei_nw.suites.gate_stream import GateRecord, scenario_c_records
from hei_nw.suites.locomo import Conversation, EvidenceQuestion, load_locomo
from hei_nw.suites.registry import SuiteBuilder, make_small_world, make_world, register_suite, suite_names

register_suite("scenario_a", scenario_a.build)
register_suite("scenario_b", scenario_b.build)
register_suite("scenario_c", scenario_c.build)
register_suite("scenario_d", scenario_d.build)
register_suite("scenario_e", scenario_e.build)

__all__ = [
    "Conversation",
    "EvidenceQuestion",
    "GateRecord",
    "SuiteBuilder",
    "load_locomo",
    "make_small_world",
    "make_world",
    "register_suite",
    "scenario_c_records",
    "suite_names",
]
