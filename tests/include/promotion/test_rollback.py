"""Rollback: who reigns then, what stays decided, and that the withdrawn version does not return by itself."""

import pytest

from include import partitions
from include.champions import champion_at, newest_champion, withdrawn
from include.errors import GateRefused, NotFound
from include.evaluation.stage import evaluate
from include.lineage import champion_terms
from include.promotion.rollback import roll_back
from include.promotion.stage import promote
from include.registry import CHAMPION
from include.scoring.stage import score
from include.training.stage import train
from tests.include.conftest import AS_OF, LATER

LATEST = "2013-01-19"


@pytest.fixture(scope="module")
def two_home(challenged_home, easy, homes, tmp_path_factory):
    home = homes.copied(challenged_home, tmp_path_factory.mktemp("two") / "home")
    homes.promoted(easy, LATER, homes.opened(home))
    return home


@pytest.fixture
def two(two_home, homes, tmp_path):
    """Version 1 of the 14th scored up to the 20th; version 2 of the 17th reigns from the 21st on."""
    return homes.opened(homes.copied(two_home, tmp_path / "two"))


def rolled_back(workspace, use_case, **arguments):
    given = {"reason": "worse on the west coast", "actor": "ada"} | arguments
    return roll_back(use_case, **given, workspace=workspace)


def alias(workspace):
    return workspace.registry.alias_version("flights", CHAMPION)


def test_the_champion_before_reigns_again_and_the_ledger_says_why(two, easy):
    decision = rolled_back(two, easy)
    assert (decision.gate, decision.actor, decision.verdict.value) == ("rollback", "ada", "pass")
    assert decision.reasons == [
        "version 1 is the champion again from 2013-01-21 on, in place of version 2: worse on the west coast"
    ]
    assert alias(two) == "1"
    champion = newest_champion(two.ledger, "flights")
    assert (champion.version, champion.as_of, champion.decision_id) == ("1", AS_OF, decision.id)
    two.ledger.verify()
    shown = two.registry.client.get_model_version("flights", "2").description
    assert "| rollback | 2013-01-21 | pass | ada | version 1 is the champion again" in shown


def test_what_was_scored_stays_decided_by_the_model_that_scored_it(two, easy):
    version = two.lake.version("flights", "predictions")
    rolled_back(two, easy)
    for day in partitions.span(AS_OF, "2013-01-20"):
        champion, _ = score(easy, day, workspace=two)
        assert champion.version == "1"
    assert two.lake.version("flights", "predictions") == version


def test_both_answers_about_the_reigns_agree(two, easy):
    rolled_back(two, easy)
    terms = champion_terms(two.ledger, "flights")
    assert [(term.version, term.decides) for term in terms] == [("1", True), ("2", False), ("1", True)]
    for day in partitions.span("2013-01-10", "2013-01-25"):
        champion = champion_at(two.ledger, "flights", day)
        covering = [term.decision_id for term in terms if term.decides and term.covers(day)]
        assert covering == ([champion.decision_id] if champion else [])


def test_the_same_request_again_changes_nothing_and_sets_the_alias(two, easy):
    first = rolled_back(two, easy, request="run-1")
    two.registry.set_alias("flights", CHAMPION, "2")  # as if the task had been killed before
    decisions = two.ledger.verify()
    assert rolled_back(two, easy, request="run-1").id == first.id
    assert rolled_back(two, easy, to="1").id == first.id
    assert two.ledger.verify() == decisions
    assert alias(two) == "1"


def test_a_decision_that_comes_in_between_is_not_undone_by_the_alias_of_the_one_before(
    two, easy, open_home, monkeypatch
):
    other, set_alias = open_home(two.settings.home), two.registry.set_alias

    def overtaken(*arguments):
        if newest_champion(other.ledger, "flights").version == "2":
            rolled_back(other, easy, to="1")
        set_alias(*arguments)

    monkeypatch.setattr(two.registry, "set_alias", overtaken)
    # The retry of a promotion that had been killed before it set the alias.
    assert rolled_back(two, easy, to="2").evidence["version"] == "2"
    assert alias(two) == newest_champion(two.ledger, "flights").version == "1"


def overtaken_by(two, monkeypatch, other_decides):
    """Let another process decide between what the next decision rests on and its record, once."""
    record, waiting = two.ledger.append_if_newest, [other_decides]

    def append(*arguments, **named):
        if waiting:
            waiting.pop()()
        return record(*arguments, **named)

    monkeypatch.setattr(two.ledger, "append_if_newest", append)


def test_a_promotion_that_slips_in_before_the_record_is_what_the_rollback_takes_out_of_use(
    two, easy, homes, open_home, monkeypatch
):
    other = open_home(two.settings.home)
    overtaken_by(two, monkeypatch, lambda: homes.promoted(easy, LATEST, other))
    decision = rolled_back(two, easy, to="1")
    assert decision.evidence["withdrawn_version"] == "3"
    assert [taken.evidence["version"] for taken in withdrawn(two.ledger, "flights").values()] == ["1"]
    assert alias(two) == newest_champion(two.ledger, "flights").version == "1"


def test_of_two_that_ask_for_the_same_at_once_the_second_finds_the_first(two, easy, open_home, monkeypatch):
    other, made = open_home(two.settings.home), []
    overtaken_by(two, monkeypatch, lambda: made.append(rolled_back(other, easy, to="1")))
    assert rolled_back(two, easy, to="1").id == made[0].id
    assert len(two.ledger.find(use_case="flights", gate="rollback")) == 1


def test_the_withdrawn_version_is_not_promoted_again_but_a_person_may_bring_it_back(two, easy):
    run_id = newest_champion(two.ledger, "flights").run_id
    taken = rolled_back(two, easy)
    assert withdrawn(two.ledger, "flights")[run_id].id == taken.id
    candidate = evaluate(easy, run_id, LATER, actor="tests", workspace=two)
    with pytest.raises(GateRefused, match=f"version 2 was rolled back by decision {taken.id}"):
        promote(
            easy,
            version="2",
            run_id=run_id,
            as_of=LATER,
            evaluation_id=candidate.decision_id,
            actor="tests",
            workspace=two,
        )
    assert alias(two) == "1"
    back = rolled_back(two, easy, to="2", reason="the west coast was a sensor")
    assert back.verdict.value == "warn"
    assert back.evidence["rolled_back_by"] == taken.id
    assert alias(two) == "2"
    assert run_id not in withdrawn(two.ledger, "flights")


def test_a_later_training_goes_on(two, easy, through_promotion):
    rolled_back(two, easy)
    done = through_promotion(easy, LATEST, two)
    assert done.decision.evidence["champion_version"] == "1"
    assert alias(two) == "3"


def test_what_cannot_be_rolled_back(featured, easy, two):
    with pytest.raises(NotFound, match="has no champion to roll back"):
        rolled_back(featured, easy)
    with pytest.raises(NotFound, match="version 9 was never a champion of flights"):
        rolled_back(two, easy, to="9")
    with pytest.raises(GateRefused, match="no reason is given"):
        rolled_back(two, easy, reason=" ")
    rolled_back(two, easy)
    with pytest.raises(NotFound, match="flights has no earlier champion"):
        rolled_back(two, easy, reason="once more")
    assert alias(two) == "1"


def test_a_version_of_other_features_is_refused_unless_they_are_built_beside(two, easy, changed, open_home):
    declared = two.settings.use_cases_dir / "flights" / "features.py"
    folder = two.settings.home / "use_cases" / "flights"
    folder.mkdir(parents=True)
    (folder / "features.py").write_text(declared.read_text().replace("def distance(", "def miles("))
    other = open_home(two.settings.home, use_cases_dir=folder.parent)
    with pytest.raises(GateRefused, match="it could score nothing"):
        rolled_back(other, easy)
    assert alias(two) == "2"
    assert train(easy, LATER, reason="tests", actor="tests", workspace=two).as_of == LATER
    (folder / "features_old.py").write_text(declared.read_text())
    decision = rolled_back(other, changed(easy, {"features.beside": ["features_old.py"]}))
    assert decision.evidence["features_beside"] == [decision.evidence["feature_set_version"]]
    assert alias(two) == "1"
