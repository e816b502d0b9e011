import os
import random
from pathlib import Path

import numpy as np
import pytest
from hippo_core.storage import MappedFile, read_sidecar, write_sidecar

STAMP = {"generation": "abc", "sequence": 12}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {"rows": rng.standard_normal((50, 16)).astype(np.float32), "ids": np.arange(50), "none": np.zeros((0, 4))}


def test_arrays_come_back_read_only(tmp_path, arrays):
    write_sidecar(tmp_path / "cache", STAMP, arrays)
    stamp, read = read_sidecar(tmp_path / "cache")
    assert stamp == STAMP
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array)
    with pytest.raises(ValueError, match="read-only"):
        read["ids"][0] = 5


@pytest.mark.parametrize(
    "array",
    [
        np.array([True, False]),
        np.array(["a", "long"]),
        np.array([1 + 2j]),
        np.array([[1, 2], [3, 4]], dtype=">i2"),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(10)[::3],
        np.array(["2026-01-01"], dtype="M8[s]"),
        np.array([1, 2], dtype=np.float16),
        np.zeros((3, 0, 2), np.int8),
        np.array(5),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_odd_arrays_come_back(tmp_path, array):
    write_sidecar(tmp_path / "cache", {}, {"a": array})
    (read,) = read_sidecar(tmp_path / "cache")[1].values()
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)
    assert read.shape == array.shape


@pytest.mark.parametrize("array", [np.array([object()]), np.zeros(2, dtype=[("a", "i4"), ("b", "f4")])])
def test_arrays_that_cannot_come_back_are_refused(tmp_path, array):
    write_sidecar(tmp_path / "cache", STAMP, {"good": np.arange(3)})
    with pytest.raises((TypeError, ValueError)):
        write_sidecar(tmp_path / "cache", {}, {"a": array})
    assert read_sidecar(tmp_path / "cache")[0] == STAMP
    assert [file.name for file in tmp_path.iterdir()] == ["cache"]


def test_what_is_not_there_or_not_a_sidecar_is_none(tmp_path):
    assert read_sidecar(tmp_path / "missing") is None
    assert read_sidecar(tmp_path) is None
    for content in (b"", b"HIPPO", b"HIPPOSC1", b"x" * 500, b"HIPPOSC1" + b"\xff" * 100, b"HIPPOSC1" + b"\0" * 100):
        (tmp_path / "bad").write_bytes(content)
        assert read_sidecar(tmp_path / "bad") is None


def test_every_truncation_is_noticed(tmp_path, arrays):
    file = tmp_path / "cache"
    write_sidecar(file, STAMP, {"rows": arrays["rows"]})
    content = file.read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        file.write_bytes(content[:length])
        assert read_sidecar(file) is None
        assert read_sidecar(file, check_bytes_up_to=0) is None


def test_every_flipped_bit_is_noticed(tmp_path, arrays):
    file = tmp_path / "cache"
    write_sidecar(file, STAMP, arrays)
    content = file.read_bytes()
    _, original = read_sidecar(file)
    original = {name: array.copy() for name, array in original.items()}
    head = 20 + int.from_bytes(content[8:16], "little")
    rng = random.Random(0)
    for place in [*range(head), *rng.sample(range(head, len(content)), 200)]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.randrange(8)
        file.write_bytes(flipped)
        read = read_sidecar(file)
        # A bit in the padding between arrays harms nothing
        assert read is None or (
            place >= head
            and read[0] == STAMP
            and all(np.array_equal(read[1][name], array) for name, array in original.items())
        )


def test_large_arrays_may_be_trusted(tmp_path):
    file = tmp_path / "cache"
    write_sidecar(file, STAMP, {"small": np.arange(3), "large": np.arange(1000)})
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert read_sidecar(file) is None
    assert read_sidecar(file, check_bytes_up_to=100) is not None


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "cache"
    write_sidecar(file, STAMP, {"a": np.arange(3)})
    with pytest.raises(OSError, match="missing"):
        write_sidecar(tmp_path / "missing" / "cache", {}, {"a": np.arange(3)})
    with pytest.raises(TypeError):
        write_sidecar(file, {"not json": object()}, {"a": np.arange(3)})
    assert read_sidecar(file)[0] == STAMP


def test_the_content_is_synced_before_the_name_is(tmp_path, monkeypatch):
    file, steps = tmp_path / "cache", []
    sync, replace = os.fsync, Path.replace

    def noted_sync(descriptor):
        sync(descriptor)
        steps.append(("sync", os.fstat(descriptor).st_size))

    def noted_replace(self, target):
        steps.append(("rename", self.stat().st_size))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_sidecar(file, STAMP, {"a": np.arange(3000)})
    size = file.stat().st_size
    assert steps == [("sync", size), ("rename", size)]


def test_a_mapped_file_tells_when_it_was_written_to_where_it_lies(tmp_path, arrays):
    path = tmp_path / "cache"
    write_sidecar(path, STAMP, arrays)
    mapped = MappedFile(path)
    assert not mapped.was_touched()
    with path.open("r+b") as file:
        file.truncate(100)
    assert mapped.was_touched()
    write_sidecar(path, STAMP, arrays)
    mapped = MappedFile(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, (1, 1))
    assert mapped.was_touched()


@pytest.mark.parametrize("end", ["replaced", "deleted", "never there"])
def test_a_mapped_file_that_lost_its_name_is_out_of_reach(tmp_path, arrays, end):
    path = tmp_path / "cache"
    if end != "never there":
        write_sidecar(path, STAMP, arrays)
    mapped = MappedFile(path)
    if end == "replaced":
        write_sidecar(path, STAMP, {})
    elif end == "deleted":
        path.unlink()
    assert not mapped.was_touched()
    path.write_bytes(b"another file")
    assert not mapped.was_touched()
