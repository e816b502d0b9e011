"""`hippo-train consolidate`: which store, when, and what it says."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hippo_core.errors import InvalidInputError, NotADatabaseError
from hippo_episodic import EpisodicStore
from hippo_train import Nights
from hippo_train.commands import COMMANDS
from hippo_train.commands.consolidate import _chosen_store, _next, _time_of_day, open_store
from rich.console import Console


def settings(**changed: object) -> dict[str, object]:
    import hippo_train
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    overrides = ["train=consolidate", *(f"{key}={value}" for key, value in changed.items())]
    with initialize_config_dir(str(Path(hippo_train.__file__).parent / "conf"), version_base="1.3"):
        return OmegaConf.to_container(compose("config", overrides=overrides))  # pyright: ignore[reportReturnType]


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    with EpisodicStore(tmp_path / "memory.db") as store:
        store.write("Corwin repaired the denim bracelet at the pier.", provenance="chat")
        store.write("Well, hm!", provenance="chat")
    return tmp_path / "memory.db"


def test_a_dry_run_shows_what_would_be_learnt_and_writes_nothing(memory: Path, tmp_path: Path):
    console = Console(record=True, width=400)
    chosen = {"memory.episodic": memory, "train.dry_run": "true", "train.nights": tmp_path / "nights"}
    COMMANDS["consolidate"](settings(**chosen), command="", console=console)
    said = console.export_text()
    assert "2 traces, 2 of them not known to the weights" in said
    assert "would replay 1 and pass over 1 that no question can be made of" in said
    assert "Corwin" in said
    assert not (tmp_path / "nights").exists()


def test_a_dry_run_counts_what_the_night_in_force_knows(memory: Path, tmp_path: Path):
    nights = Nights(tmp_path / "nights")
    with nights.lock():
        night = nights.commit(nights.begin(), {"learnt": [1], "forgotten": []})
    with EpisodicStore(memory) as store:
        store.ledger.mark_known([1], night.name)
        store.write("Flora sold the emerald jug at the shipyard.", provenance="chat")
    chosen = {"memory.episodic": memory, "train.dry_run": "true", "train.nights": tmp_path / "nights"}

    def told() -> str:
        console = Console(record=True, width=400)
        COMMANDS["consolidate"](settings(**chosen), command="", console=console)
        return console.export_text()

    assert "3 traces, 2 of them not known" in (said := told())
    assert "Flora" in said
    nights.roll_back()
    assert "3 traces, 3 of them not known" in told()


@pytest.mark.model
def test_a_night_from_the_command_tells_what_came_of_it(memory: Path, tmp_path: Path):
    console = Console(record=True, width=400)
    short = {"steps": 1, "questions": 1, "statements": 0, "near": 1, "own": 1, "own_passages": 2, "r": 1}
    short |= {"guarded_tokens": 16, "everyday_questions": 1, "perplexity_limit": 99, "locality_limit": 0}
    chosen = {"memory.episodic": memory, "train.nights": tmp_path / "nights", "train.divergence_limit": 99}
    chosen |= {f"train.{key}": value for key, value in short.items()}
    COMMANDS["consolidate"](settings(**chosen), command="", console=console)
    said = console.export_text()
    assert "committed" in said
    assert "of 1 new traces learnt" in said
    assert "report.html" in said
    with pytest.raises(InvalidInputError, match=r"train\.rewriter"):
        COMMANDS["consolidate"](settings(**chosen, **{"train.rewriter": "magic"}), command="", console=console)


def test_the_entry_point_opens_a_store_whatever_made_its_vectors(tmp_path: Path):
    from hippo_core import HashingEncoder

    with EpisodicStore(tmp_path / "memory.db", encoder=HashingEncoder(dim=64)) as store:
        store.write("The key is under the mat.", provenance="chat")
    with open_store("episodic", str(tmp_path / "memory.db")) as store:
        assert [hit.item.text for batch in store.replay_batches(4) for hit in batch] == ["The key is under the mat."]
    with EpisodicStore(tmp_path / "memory.db", encoder=HashingEncoder(dim=64)) as store:
        assert store.recall("key")[0].item.text == "The key is under the mat."


def test_what_is_no_store_is_named(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="There is no store at"):
        open_store("episodic", str(tmp_path / "none.db"))
    (tmp_path / "text.db").write_text("not a database, whatever its name says")
    with pytest.raises(NotADatabaseError, match=r"text\.db"):
        open_store("episodic", str(tmp_path / "text.db"))
    with pytest.raises(InvalidInputError, match="pip install hippo-olfactory"):
        open_store("olfactory", "x")
    with pytest.raises(InvalidInputError, match="store=FILE"):
        _chosen_store({"episodic": None})
    assert _chosen_store(settings(**{"memory.spatial": "map.db"})["memory"]) == ("spatial", "map.db")  # pyright: ignore[reportArgumentType]


def test_a_night_begins_at_the_next_such_hour():
    assert _time_of_day("03:00") == (3, 0)
    zone = timezone(timedelta(hours=2))
    evening = datetime(2026, 1, 31, 22, 15, tzinfo=zone)
    assert _next(evening, 3, 0) == datetime(2026, 2, 1, 3, 0, tzinfo=zone)
    assert _next(evening, 23, 30) == datetime(2026, 1, 31, 23, 30, tzinfo=zone)
    for wrong in ("3 am", "24:00", 180, None):
        with pytest.raises(InvalidInputError, match=r"train\.at"):
            _time_of_day(wrong)
