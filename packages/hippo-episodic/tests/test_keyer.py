"""The sparse keyer: what a key is, what learning adds, and what is refused."""

import numpy as np
import pytest
from hippo_core import InvalidInputError, StorageError
from hippo_episodic.contrastive import ContrastiveTraining, winners
from hippo_episodic.keyer import SparseKeyer
from hippo_episodic.sparse_keys import SparseKey, SparseKeys

INPUT_DIM, DIM, ACTIVE = 24, 128, 8


def rows(n, seed=0, dim=INPUT_DIM):
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


def keyer(**options):
    return SparseKeyer.random(INPUT_DIM, **{"dim": DIM, "active": ACTIVE, "seed": 0} | options)


def noisy_pairs(n, seed):
    """Return cues and episodes that agree in 12 of 24 coordinates only: a map that reads these wins."""
    rng = np.random.default_rng(seed)
    episodes = rng.normal(size=(n, INPUT_DIM))
    cues = rng.normal(size=(n, INPUT_DIM))
    cues[:, :12] = episodes[:, :12]
    return cues, episodes


def precision_at_1(keyer, cues, episodes):
    scores = keyer.encode(cues).to_dense() @ keyer.encode(episodes).to_dense().T
    return float((scores.argmax(axis=1) == np.arange(len(cues))).mean())


# Keys


def test_the_largest_activations_win_and_make_a_unit_key():
    vectors = rows(50)
    keys = keyer().encode(vectors)
    everything = keyer(active=DIM).encode(vectors).to_dense()  # no unit loses: all activations, up to their length
    assert keys.indices.shape == keys.values.shape == (50, ACTIVE)
    assert np.allclose(np.linalg.norm(keys.values.astype(np.float64), axis=1), 1, atol=2e-3)
    for won, values, activations in zip(keys.indices, keys.values, everything, strict=True):
        assert (np.diff(won.astype(int)) > 0).all()
        assert activations[won].min() >= np.delete(activations, won).max()
        expected = activations[won] / np.linalg.norm(activations[won])
        assert np.allclose(values, expected, atol=2e-3)


def test_winners_are_the_largest_in_ascending_order():
    assert winners(np.array([[0.1, 0.9, -2.0, 0.5]], dtype=np.float32), 2).tolist() == [[1, 3]]
    assert winners(np.array([[0.1, 0.9, -2.0]], dtype=np.float32), 3).tolist() == [[0, 1, 2]]


def test_a_key_does_not_depend_on_its_batch_or_on_the_length_of_its_vector():
    vectors = rows(40)
    made = keyer()
    together = made.encode(vectors)
    assert [made.encode(vectors[i : i + 1])[0] for i in range(40)] == [together[i] for i in range(40)]
    assert (made.encode(7.0 * vectors).indices == together.indices).all()


def test_near_vectors_share_more_units_than_far_ones():
    vectors = rows(30)
    made = keyer(active=16)
    near = vectors + 0.1 * rows(30, seed=1)
    similarity = made.encode(near).to_dense() @ made.encode(vectors).to_dense().T
    assert (similarity.argmax(axis=1) == np.arange(30)).all()


@pytest.mark.parametrize(
    ("dim", "index", "n_bytes"), [(128, "uint16", 4), (65_536, "uint16", 4), (65_537, "uint32", 6)]
)
def test_the_bytes_of_a_key_are_what_its_arrays_take(dim, index, n_bytes):
    made = SparseKeyer.random(64, dim=dim, active=5)
    keys = made.encode(rows(3, dim=64))
    assert keys.indices.dtype.name == index
    assert keys.values.dtype.name == "float16"
    assert made.bytes_per_key == 5 * n_bytes == (keys.indices.nbytes + keys.values.nbytes) // 3


def test_one_key_of_a_batch_is_a_record():
    made = keyer()
    keys = made.encode(rows(3))
    assert keys[1] == made.encode(rows(3)[1:2])[0] != keys[2]
    assert hash(keys[1]) == hash(made.encode(rows(3))[1])
    assert np.allclose(keys[1].to_dense(), keys.to_dense()[1])
    assert len(made.encode(np.zeros((0, INPUT_DIM)))) == 0


def test_as_many_winners_as_units_keep_every_activation():
    made = keyer(dim=INPUT_DIM, active=INPUT_DIM)  # a square orthogonal projection, which keeps angles
    a, b = rows(20), rows(20, seed=1)
    cosine = (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T
    assert np.allclose(made.encode(a).to_dense() @ made.encode(b).to_dense().T, cosine, atol=5e-3)


# Learning


def test_learning_beats_chance_projection_on_held_out_pairs():
    cues, episodes = noisy_pairs(600, seed=0)
    training = ContrastiveTraining(steps=120, batch_size=64, learning_rate=0.05)
    learnt = SparseKeyer.fit(cues, episodes, dim=DIM, active=ACTIVE, seed=0, training=training)
    held_out = noisy_pairs(100, seed=1)
    assert precision_at_1(learnt, *held_out) > precision_at_1(keyer(), *held_out) + 0.2


def test_learning_is_deterministic_and_its_seed_matters():
    cues, episodes = noisy_pairs(80, seed=0)
    training = ContrastiveTraining(steps=5, batch_size=32)
    digests = [
        SparseKeyer.fit(cues, episodes, dim=DIM, active=ACTIVE, seed=seed, training=training).digest
        for seed in (0, 0, 1)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_progress_is_told_and_the_loss_falls():
    cues, episodes = noisy_pairs(200, seed=0)
    seen = []
    SparseKeyer.fit(
        cues, episodes, dim=DIM, active=ACTIVE, on_step=seen.append,
        training=ContrastiveTraining(steps=40, batch_size=64, learning_rate=0.05),
    )  # fmt: skip
    assert [progress.step for progress in seen] == list(range(1, 41))
    assert seen[-1].loss < seen[0].loss
    assert all(0 <= progress.accuracy <= 1 for progress in seen)


def test_several_cues_of_one_episode_do_not_repel_each_other():
    rng = np.random.default_rng(0)
    episodes = np.repeat(rng.normal(size=(4, INPUT_DIM)), 8, axis=0)
    cues = episodes + 0.01 * rng.normal(size=episodes.shape)
    seen = []
    SparseKeyer.fit(cues, episodes, dim=DIM, active=ACTIVE, on_step=seen.append, training=ContrastiveTraining(steps=60))
    assert seen[-1].loss < 0.1  # as negatives of one another, eight equal episodes would keep it near log 8


# Files and identity


def test_a_saved_keyer_loads_as_the_same(tmp_path):
    made = keyer(seed=3)
    made.save(tmp_path / "keyer")
    loaded = SparseKeyer.load(tmp_path / "keyer")
    assert (loaded.digest, loaded.name, loaded.active) == (made.digest, made.name, made.active)
    assert loaded.encode(rows(5))[4] == made.encode(rows(5))[4]
    keyer(seed=4).save(tmp_path / "keyer")
    assert SparseKeyer.load(tmp_path / "keyer").digest != made.digest
    assert [path.name for path in tmp_path.iterdir()] == ["keyer"]


def test_keyers_that_differ_have_different_names():
    names = {keyer().name, keyer(seed=1).name, keyer(active=9).name, keyer(dim=64).name}
    assert len(names) == 4
    assert keyer().name == keyer().name


def test_a_damaged_or_missing_file_is_refused(tmp_path):
    path = tmp_path / "keyer"
    with pytest.raises(StorageError, match="missing, damaged"):
        SparseKeyer.load(path)
    keyer().save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StorageError, match="missing, damaged"):
        SparseKeyer.load(path)


def test_a_keyer_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        keyer().save(tmp_path / "no" / "folder")


# Bad input


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones(INPUT_DIM), r"shape \(24,\)"),
        (np.ones((2, INPUT_DIM + 1)), r"must be \(rows, 24\)"),
        (np.zeros((2, INPUT_DIM)), "row 0 is all zeros"),
        (np.full((1, INPUT_DIM), np.nan), "row 0 holds a value that is not finite"),
        (np.full((1, INPUT_DIM), 1e300), "not finite"),
        ([["a"] * INPUT_DIM], "cannot be read"),
    ],
)
def test_vectors_that_make_no_key_are_refused(vectors, message):
    with pytest.raises(InvalidInputError, match=message):
        keyer().encode(vectors)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"active": 0}, "`active`"),
        ({"active": DIM + 1}, "more than the 128 units"),
        ({"dim": 0}, "`dim`"),
        ({"seed": -1}, "`seed`"),
        ({"seed": 0.5}, "`seed`"),
        ({"active": True}, "`active`"),
    ],
)
def test_impossible_keyers_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        keyer(**options)


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match=r"shapes are \(3, 4\)"):
        SparseKeyer(np.ones((3, 4)), np.zeros(3), active=2)
    with pytest.raises(InvalidInputError, match="not finite"):
        SparseKeyer(np.full((3, 4), np.inf), np.zeros(4), active=2)


def test_pairs_that_teach_nothing_are_refused():
    cues, episodes = noisy_pairs(5, seed=0)
    with pytest.raises(InvalidInputError, match="one episode a cue"):
        SparseKeyer.fit(cues[:4], episodes, dim=DIM, active=ACTIVE)
    with pytest.raises(InvalidInputError, match="two different episodes"):
        SparseKeyer.fit(cues, np.repeat(episodes[:1], 5, axis=0), dim=DIM, active=ACTIVE)
    with pytest.raises(InvalidInputError, match="two different episodes"):
        SparseKeyer.fit(cues[:0], episodes[:0], dim=DIM, active=ACTIVE)


@pytest.mark.parametrize("options", [{"steps": 0}, {"batch_size": 1.5}, {"learning_rate": 0}, {"temperature": -1}])
def test_impossible_training_is_refused(options):
    with pytest.raises(InvalidInputError, match=f"training.{next(iter(options))}"):
        ContrastiveTraining(**options)


@pytest.mark.parametrize(
    ("indices", "values", "message"),
    [
        ([[3, 1]], [[0.5, 0.5]], "ascend"),
        ([[1, 1]], [[0.5, 0.5]], "ascend"),
        ([[1, 9]], [[0.5, 0.5]], "unit 9 is outside"),
        ([[1, 2]], [[0.5]], "one value an index"),
        ([[1, 2]], [[0.5, np.nan]], "not finite"),
    ],
)
def test_keys_that_are_none_are_refused(indices, values, message):
    arrays = {"indices": np.array(indices, dtype=np.uint16), "values": np.array(values, dtype=np.float16)}
    with pytest.raises(InvalidInputError, match=message):
        SparseKeys(**arrays, dim=8)
    with pytest.raises(InvalidInputError, match=message):
        SparseKey(indices=arrays["indices"][0], values=arrays["values"][0], dim=8)
    with pytest.raises(InvalidInputError, match="unsigned"):
        SparseKeys(indices=np.array([[1, 2]]), values=np.array([[0.5, 0.5]], dtype=np.float16), dim=8)
