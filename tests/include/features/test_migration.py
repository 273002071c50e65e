"""A change of definitions: two feature sets side by side, from the refused training on.

The tests build on each other, in order, on one home: old definitions with a champion, then new ones.
"""

import json
import shutil
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from include import partitions
from include.champions import newest_champion
from include.errors import ConfigurationError, GateRefused, GateUndecided, NotFound, UseCaseError
from include.evaluation.stage import evaluate
from include.feature_definitions import keep_definitions, kept_definitions
from include.feature_sets import FeatureSet, libraries, load_feature_sets, load_features
from include.features.catalogue import catalogue
from include.features.page import publish_page
from include.features.rebuilding import rebuild, stale
from include.features.stage import build
from include.maintenance.feature_sets import remove_unused_feature_sets
from include.monitoring.stage import monitor
from include.scoring.stage import score
from include.settings import PROJECT_ROOT
from include.training.stage import train
from include.training_sets import read_labelled
from include.workspace import Workspace

DAYS = partitions.span("2013-01-01", "2013-01-20")
SCORED = "2013-01-20"
ADDED = """

@features.row(kind="number", inputs=["distance"], low=0, description="distance in thousands of miles")
def thousand_miles(rows):
    return rows["distance"] / 1000
"""


@pytest.fixture(scope="module")
def home(championed_home, homes, tmp_path_factory):
    """A home whose use case is its own: `features.py` as the champion learned from it."""
    folder = tmp_path_factory.mktemp("migration")
    declared = folder / "use_cases" / "flights"
    shutil.copytree(PROJECT_ROOT / "include" / "use_cases" / "flights", declared)
    workspace = homes.opened(homes.copied(championed_home, folder / "home"), use_cases_dir=declared.parent)
    return workspace, declared


@pytest.fixture
def workspace(home):
    return Workspace(home[0].settings)


@pytest.fixture
def file(home):
    return home[1] / "features.py"


@pytest.fixture
def old(workspace):
    return newest_champion(workspace.ledger, "flights").feature_set_version


@pytest.fixture
def today(workspace, flying):
    return load_features(flying, workspace.settings).version


def beside(changed, flying, *names):
    return changed(flying, {"features.beside": list(names)})


def files_of(workspace, version):
    root = workspace.settings.home / "lake" / "flights"
    return {path: path.read_bytes() for path in root.rglob("*.parquet") if version in str(path)}


def test_everything_is_as_defined_at_first(workspace, flying, old):
    found = catalogue(flying, workspace)
    (only,) = found.sets
    assert (only.version, only.role, only.partitions) == (old, "today", len(DAYS))
    assert (only.first, only.last) == (DAYS[0], DAYS[-1])
    assert only.aliases["champion"] in only.models
    assert only.champions == only.models
    assert found.stale == {}


def test_what_a_version_defines_is_kept_when_it_is_first_built(workspace, flying, old):
    kept = kept_definitions("flights", old, workspace)
    assert [one.name for one in kept.features] == load_features(flying, workspace.settings).names
    assert kept.libraries.keys() == {"numpy", "pandas", "pyarrow"}
    weather = next(one for one in kept.features if one.source == "joined")
    assert weather.entity
    assert weather.parameters["table"] == "weather"
    stored = workspace.definitions.get(f"flights/{old}.json")
    renamed = flying.model_copy(update={"owner": "others"})
    keep_definitions(renamed, load_features(flying, workspace.settings), workspace)
    assert workspace.definitions.get(f"flights/{old}.json") == stored
    with pytest.raises(NotFound, match="No definitions of flights are kept under version x"):
        kept_definitions("flights", "x", workspace)


def test_a_changed_definition_refuses_training_with_the_command_to_run(workspace, flying, file, old):
    shutil.copy(file, file.with_name("features_old.py"))
    file.write_text(file.read_text() + ADDED)
    with pytest.raises(GateRefused) as refused:
        train(flying, "2013-01-21", reason="tests", actor="tests", workspace=workspace)
    command = "./airlock rebuild-features flights --from 2013-01-01 --to 2013-01-20"
    assert command in str(refused.value)
    assert old in str(refused.value)
    assert set(stale(flying, DAYS, workspace)) == set(DAYS)


def test_a_day_in_today_s_definitions_alone_is_not_scored_by_the_old_champion(
    workspace, flying, old, tmp_path, homes
):
    alone = Workspace(
        homes.copied(workspace.settings.home, tmp_path / "home")
        and workspace.settings.model_copy(update={"home": tmp_path / "home"})
    )
    rows = alone.lake.read("flights", "features", partitions=[SCORED], feature_set_version=old)
    empty = rows.iloc[:0][["row_key", "known_at"]]
    alone.lake.write_partition(
        "flights", "features", SCORED, empty, source_hash="", contract_hash="", version=old
    )
    with pytest.raises(NotFound, match="No features of flights are published"):
        score(flying, SCORED, workspace=alone)
    build(flying, SCORED, actor="tests", workspace=alone)
    with pytest.raises(ConfigurationError) as refused:
        score(flying, SCORED, workspace=alone)
    assert f"./airlock rebuild-features flights --from {SCORED} --to {SCORED}" in str(refused.value)
    assert "features.beside" in str(refused.value)


def test_both_are_built_and_each_reader_gets_its_own(workspace, flying, changed, old, today):
    both = beside(changed, flying, "features_old.py")
    assert list(load_feature_sets(both, workspace.settings)) == [today, old]
    before = files_of(workspace, old)
    found = rebuild(both, DAYS, actor="tests", workspace=workspace)
    assert (found.changed, found.unchanged, found.refused, found.missing) == (DAYS, [], {}, [])
    assert files_of(workspace, old) == before
    standing = workspace.lake.feature_set_versions("flights")
    assert standing[old] == standing[today]
    assert stale(both, DAYS, workspace) == {}
    again = rebuild(both, DAYS, actor="tests", workspace=workspace)
    assert (again.changed, again.unchanged) == ([], DAYS)
    # The champion knows nothing of the new column, and its scores and watches stay as they were.
    scored = workspace.lake.content_hash("flights", "predictions", SCORED)
    champion, _ = score(both, SCORED, workspace=workspace)
    assert champion.feature_set_version == old
    assert workspace.lake.content_hash("flights", "predictions", SCORED) == scored
    health = monitor(both, SCORED, actor="tests", workspace=workspace)
    quality = workspace.ledger.get(health.quality_id)
    count = standing[old][SCORED]
    assert (quality.evidence["rows"], quality.evidence["unscored"]) == (count, 0)
    labelled = read_labelled(both, DAYS, "2013-01-21", workspace.lake, feature_set_version=today)
    assert not labelled.rows["thousand_miles"].isna().all()
    assert not labelled.built_otherwise


def test_a_daily_build_builds_both(workspace, flying, changed, old, today):
    both = beside(changed, flying, "features_old.py")
    for version in (old, today):
        empty = workspace.lake.read("flights", "features", feature_set_version=version).iloc[:0]
        workspace.lake.write_partition(
            "flights",
            "features",
            SCORED,
            empty[["row_key", "known_at"]],
            source_hash="",
            contract_hash="",
            version=version,
        )
    decision, _ = build(both, SCORED, actor="tests", workspace=workspace)
    assert decision.evidence["feature_set_version"] == today
    standing = workspace.lake.feature_set_versions("flights")
    assert standing[old][SCORED] == standing[today][SCORED] == decision.evidence["rows"]


def test_the_new_model_is_compared_with_the_champion_on_its_own_rows(workspace, flying, changed):
    both = beside(changed, flying, "features_old.py")
    run = train(both, "2013-01-21", reason="tests", actor="tests", workspace=workspace)
    with suppress(GateRefused, GateUndecided):  # better or not is no matter here
        evaluate(both, run.run_id, "2013-01-21", actor="tests", workspace=workspace)
    newest = workspace.ledger.find(use_case="flights", gate="evaluation")[0]
    assert newest.evidence["champion_state"] == "compared"
    found = catalogue(both, workspace)
    assert [one.role for one in found.sets] == ["today", "features_old.py"]
    assert found.sets[1].aliases


def test_the_page_tells_of_both(workspace, flying, changed, old, today):
    both = beside(changed, flying, "features_old.py")
    content, address = publish_page(both, catalogue(both, workspace), workspace)
    text = content.decode()
    assert workspace.reports.get("flights/features/page.html") == content
    assert address.endswith("flights/features/page.html")
    for said in (old, today, "features_old.py", "thousand_miles", "champion: version", "importance"):
        assert said in text
    assert text.count("data:image/png;base64,") == len(load_features(flying, workspace.settings).names)
    assert "<script" not in text


def test_the_register_is_of_what_was_declared(workspace, today):
    kept = json.loads(workspace.definitions.get(f"flights/{today}.json"))
    added = next(one for one in kept["features"] if one["name"] == "thousand_miles")
    assert added["description"] == "distance in thousands of miles"
    assert (added["source"], added["inputs"], added["low"]) == ("row", ["distance"], 0)


def test_rows_of_a_set_that_nobody_needs_are_removed(workspace, flying, changed, old, today):
    name, unused = "flights", "c" * 16
    for table in ("features", "feature_profiles"):
        rows = workspace.lake.read(name, table, partitions=DAYS[:3], feature_set_version=old)
        rows = rows.drop(columns=["ingested_at", "source_hash", "contract_hash", "content_hash"])
        sources = dict.fromkeys(DAYS[:3], "s")
        workspace.lake.write_partitions(
            name, table, rows, source_hashes=sources, contract_hash=unused, version=unused
        )
    alone = flying  # no file stands beside today's any more
    assert "new dates cannot be scored" in catalogue(alone, workspace).notes[0]
    for kept_days in (None, 90, 17):
        use_case = changed(alone, {"retention.unused_feature_sets_days": kept_days})
        assert remove_unused_feature_sets(use_case, actor="tests", workspace=workspace) is None
    use_case = changed(alone, {"retention.unused_feature_sets_days": 16})
    before = files_of(workspace, old), files_of(workspace, today)
    decision = remove_unused_feature_sets(use_case, actor="tests", workspace=workspace)
    assert decision is not None
    assert list(decision.evidence["removed"]) == [unused]
    assert set(decision.evidence["kept"]) == {old, today}
    assert "is in use" in decision.evidence["kept"][old]
    assert "3 partitions (2013-01-01..2013-01-03) removed" in decision.reasons[0]
    assert set(workspace.lake.feature_set_versions(name)) == {old, today}
    assert set(workspace.lake.feature_set_versions(name, "feature_profiles")) == {old, today}
    assert (files_of(workspace, old), files_of(workspace, today)) == before
    assert remove_unused_feature_sets(use_case, actor="tests", workspace=workspace) is None


@pytest.mark.parametrize(
    "case",
    [
        (["features_older.py"], None, r"features_older\.py is missing"),
        (["features_copy.py"], "copy", "defines the same features as features.py"),
        (["features_link.py"], "link", "leads out of"),
        (["features_old.py", "features_twice.py"], "twice", "defines the same features as features_old.py"),
        (["features_broken.py"], "broken", "fails when it is read: ZeroDivisionError"),
    ],
    ids=["missing", "same as today", "outside", "twice", "broken"],
)
def test_a_wrong_file_beside_is_named(home, changed, flying, tmp_path, case):
    (workspace, declared), (names, prepare, message) = home, case
    file = declared / "features.py"
    path = file.with_name(names[-1])
    outside = tmp_path / "features_link.py"
    outside.write_text(file.read_text())
    if prepare == "copy":
        shutil.copy(file, path)
    if prepare == "twice":
        shutil.copy(file.with_name("features_old.py"), path)
    if prepare == "link":
        path.symlink_to(outside)
    if prepare == "broken":
        path.write_text("1 / 0")
    with pytest.raises(UseCaseError, match=message):
        load_feature_sets(beside(changed, flying, *names), workspace.settings)


@given(
    st.text(max_size=20) | st.sampled_from(["../x.py", "a/b.py", "/etc/x.py", "x.py\n", "..py", "X.py", "x"])
)
@examples(deadline=None, max_examples=60)
def test_a_file_beside_is_a_plain_name(flying, changed, name):
    plain = name.removesuffix(".py").replace("_", "").isalnum() and "/" not in name
    try:
        (kept,) = beside(changed, flying, name).features.beside
    except ValueError:
        return
    assert kept == name
    assert plain
    assert name.endswith(".py")


def test_libraries_belong_to_the_version(workspace, flying, monkeypatch):
    features = load_features(flying, workspace.settings)
    before = features.version
    monkeypatch.setattr("include.feature_sets.libraries", lambda: libraries() | {"pandas": "9.9"})
    assert features.version != before
    assert FeatureSet(features.features).version == features.version


@pytest.mark.parametrize(
    ("days", "missing"), [([], []), (["2030-01-01"], ["2030-01-01"])], ids=["empty", "future"]
)
def test_a_rebuild_without_batches_changes_nothing(workspace, flying, days, missing):
    before = workspace.lake.version("flights", "features")
    found = rebuild(flying, days, actor="tests", workspace=workspace)
    assert (found.changed, found.missing) == ([], missing)
    assert stale(flying, days, workspace) == {}
    assert workspace.lake.version("flights", "features") == before
