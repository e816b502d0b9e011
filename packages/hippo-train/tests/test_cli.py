"""The command: what it says while it works and when it cannot, and what it leaves behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hippo_adapters import load_adapter, load_model
from hippo_core.errors import InvalidInputError
from hippo_train.cli import check_keys
from hippo_train.commands._output import keep_other_adapters, output_folder


def hippo_train(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = "from hippo_train.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.model
def test_it_tells_how_far_it_is_and_leaves_an_adapter(tmp_path: Path):
    run = hippo_train(
        "train=adapter", "train.clusters=2", "train.held_out_clusters=1", "train.steps=2", "output=own", cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert "An adapter for smollm2-135m, in own: 2 clusters of episodes, 2 steps" in " ".join(run.stdout.split())
    assert "texts" in run.stdout
    assert "EM@8" in run.stdout
    description = json.loads((tmp_path / "own" / "adapter.json").read_text())
    assert description["training"]["steps"] == 2
    assert load_adapter(tmp_path / "own", load_model("smollm2-135m")).parameter_count == description["parameters"]
    assert [path.name for path in tmp_path.iterdir()] == ["own"], "nothing else is written"


def test_without_words_it_explains_itself_and_trains_nothing(tmp_path: Path):
    run = hippo_train(cwd=tmp_path)
    assert run.returncode == 0
    assert "hippo-train train=adapter" in run.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train=adapter", "train.step=5"), "`train.step` is no key. Did you mean train.steps?"),
        (("train=adapter", "steps=5"), "`steps` is no key. Did you mean train.steps?"),
        (("train=qlora", "lora.rank=4"), "`lora.rank` is no key"),
        (("train=adaptor",), "adaptor"),
    ],
)
def test_a_misspelt_key_is_named_with_what_was_meant(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as left:
        check_keys(arguments)
    assert left.value.code == 1
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path):
    (tmp_path / "afile").touch()
    with pytest.raises(InvalidInputError, match="cannot be written to"):
        output_folder(str(tmp_path / "afile"))
    with pytest.raises(InvalidInputError, match="name of a folder"):
        output_folder("")
    assert output_folder(str(tmp_path / "new")).is_dir()


@pytest.mark.model
def test_another_models_adapter_is_not_written_over(tmp_path: Path):
    model = load_model("smollm2-135m")
    keep_other_adapters(tmp_path, model)
    description = tmp_path / "adapter.json"
    description.write_text(json.dumps({"model": {"name": "smollm2-135m", "digest": model.digest}}))
    keep_other_adapters(tmp_path, model)
    description.write_text(json.dumps({"model": {"name": "other", "digest": "0" * 64}}))
    with pytest.raises(InvalidInputError, match="holds an adapter for other; choose another folder"):
        keep_other_adapters(tmp_path, model)


def test_the_seeds_command_line_works_but_for_the_scripts_name(tmp_path: Path):
    run = hippo_train("model=llama32-3b", "train/qlora", "train.dry_run=true", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    said = " ".join(run.stdout.split())
    assert "QLoRA for llama32-3b, nothing trained" in said
    assert "parameters of the base 3,212,749,824" in said
    assert "memory in all" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.model
def test_qlora_on_a_tiny_set_leaves_an_adapter_and_its_log(tmp_path: Path):
    lines = [{"prompt": f"The code of box {n} is", "completion": f" {n * 37 % 100}"} for n in range(4)]
    (tmp_path / "tiny.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = hippo_train(
        "model=smollm2-135m", "train=qlora", "train.data=tiny.jsonl", "train.seq_len=32", "train.epochs=1",
        "train.grad_accum=2", "output=own", cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "QLoRA for smollm2-135m, in own: 4 texts from tiny.jsonl" in " ".join(run.stdout.split())
    note = json.loads((tmp_path / "own" / "run.json").read_text())
    assert note["command"].startswith("hippo-train model=smollm2-135m train=qlora")
    assert (tmp_path / "own" / "adapter_model.safetensors").is_file()


def test_a_key_that_is_none_is_one_sentence_that_names_those_that_are(tmp_path: Path):
    run = hippo_train("train=adapter", "+train.stps=5", cwd=tmp_path)
    assert run.returncode == 1
    said = " ".join(run.stderr.split())
    assert "`train.stps` is no key of the training; known are clusters, held_out_clusters, steps" in said
    assert "Traceback" not in said
    assert (
        "`steps` must be a whole number from 1, not 'abc'"
        in hippo_train("train=adapter", "train.steps=abc", cwd=tmp_path).stderr
    )
