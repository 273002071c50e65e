"""Promotion: the decision first, the alias after, and what happens when it stops between them."""

import subprocess
import sys
from datetime import date

import pandas as pd
import pytest

from include import partitions
from include.champions import newest_champion
from include.errors import ArtefactCorrupted, GateRefused, NotFound, Outage
from include.evaluation.stage import evaluate
from include.promotion.approving import ApprovalEvidence, record_answer
from include.promotion.stage import promote
from include.registry import CANDIDATE, CHALLENGER, CHAMPION, Registry
from include.scoring.stage import score
from include.settings import PROJECT_ROOT
from include.training.stage import train
from tests.include.conftest import AS_OF, LATER


@pytest.fixture(scope="module")
def nominated_home(trained_home, easy, homes, tmp_path_factory):
    """A home with a candidate of the 14th, and the candidate."""
    home = homes.copied(trained_home, tmp_path_factory.mktemp("nominated") / "home")
    return home, candidate_of(homes.opened(home), easy)


@pytest.fixture
def nominated(nominated_home, homes, tmp_path):
    return homes.opened(homes.copied(nominated_home[0], tmp_path / "nominated"))


@pytest.fixture
def candidate(nominated_home):
    return nominated_home[1]


def candidate_of(workspace, use_case, as_of=AS_OF):
    run = train(use_case, as_of, reason="tests", actor="tests", workspace=workspace)
    return evaluate(use_case, run.run_id, as_of, actor="tests", workspace=workspace)


def promoted(workspace, use_case, candidate, **changes):
    arguments = {
        "version": candidate.version,
        "run_id": candidate.run_id,
        "as_of": candidate.as_of,
        "evaluation_id": candidate.decision_id,
    }
    return promote(use_case, **arguments | changes, actor="tests", workspace=workspace)


def alias(workspace, name=CHAMPION):
    return workspace.registry.alias_version("flights", name)


def test_the_first_candidate_becomes_the_champion(nominated, candidate, easy):
    assert alias(nominated) is None
    decision = promoted(nominated, easy, candidate)
    assert decision.reasons == ["version 1 is the champion from 2013-01-14 on, as the first one"]
    assert alias(nominated) == alias(nominated, CANDIDATE) == "1"
    champion = newest_champion(nominated.ledger, "flights")
    assert (champion.version, champion.run_id, champion.effective_from) == ("1", candidate.run_id, AS_OF)
    assert champion.model == nominated.registry.version_model("flights", "1")
    assert decision.evidence["champion_version"] is None


def test_a_newer_candidate_replaces_the_champion(challenged, easy):
    decision = promoted(challenged, easy, candidate_of(challenged, easy, LATER))
    assert alias(challenged) == "2"
    assert decision.evidence["champion_as_of"] == AS_OF


def test_promoting_again_changes_nothing(championed, flying):
    decisions = championed.ledger.verify()
    (decision,) = championed.ledger.find(gate="promotion")
    candidate = candidate_of(championed, flying)
    assert promoted(championed, flying, candidate).id == decision.id
    assert championed.ledger.verify() == decisions
    assert alias(championed) == "1"


def test_where_a_person_is_asked_a_candidate_becomes_a_challenger_and_then_the_champion(
    featured, easy, changed
):
    """Each alias moves with its decision, and the answers stand in the model card."""
    asking = changed(easy, {"promotion.approval": {"approvers": ["ada"]}})
    candidate = candidate_of(featured, asking)
    with pytest.raises(GateRefused, match="nobody has approved version 1"):
        promoted(featured, asking, candidate)
    assert (alias(featured, CANDIDATE), alias(featured, CHALLENGER), alias(featured)) == ("1", None, None)
    answer = ApprovalEvidence(
        version="1",
        run_id=candidate.run_id,
        evaluation_id=candidate.decision_id,
        answer="approved",
        approver=["ada"],
        comment="slices are fine",
    )
    approval = record_answer(asking, answer, as_of=AS_OF, actor="ada", workspace=featured)
    assert (alias(featured, CHALLENGER), alias(featured)) == ("1", None)
    decision = promoted(featured, asking, candidate, approval_id=approval.id)
    assert decision.evidence["approval_id"] == approval.id
    assert (alias(featured, CHALLENGER), alias(featured)) == (None, "1")
    shown = featured.registry.client.get_model_version("flights", "1").description
    assert "| approval | 2013-01-14 | pass | ada | ada approved version 1: slices are fine |" in shown
    assert "| promotion | 2013-01-14 | refuse | tests | nobody has approved version 1" in shown


# When it takes effect


@pytest.mark.parametrize(
    ("scored", "effective"),
    [
        ([], AS_OF),
        (["2013-01-12"], AS_OF),
        (["2013-01-14"], "2013-01-15"),
        (["2013-01-14", "2013-01-18"], "2013-01-19"),
    ],
    ids=["nothing scored", "only earlier days", "the as-of itself", "later days"],
)
def test_what_was_scored_stays_with_the_model_that_scored_it(nominated, candidate, easy, scored, effective):
    """A champion of the 12th scores some days before the candidate of the 14th is promoted."""
    for day in scored:
        rows = pd.DataFrame({"row_key": ["1"], "score": [0.5], "known_at": [date(2013, 1, 1)]})
        nominated.lake.write_partition(
            "flights", "predictions", day, rows, source_hash="s", contract_hash="c"
        )
    decision = promoted(nominated, easy, candidate)
    assert decision.evidence["effective_from"] == effective


def test_a_partition_scored_again_after_a_promotion_keeps_its_model(challenged, easy):
    """The champion scored up to the 20th; a promotion as of the 17th begins on the 21st."""
    before = challenged.lake.version("flights", "predictions")
    decision = promoted(challenged, easy, candidate_of(challenged, easy, LATER))
    assert decision.evidence["effective_from"] == "2013-01-21"
    for day in partitions.span("2013-01-17", "2013-01-20"):
        champion, _ = score(easy, day, workspace=challenged)
        assert champion.version == "1"
    assert challenged.lake.version("flights", "predictions") == before


# What is refused


def test_an_older_model_never_replaces_a_newer_one(challenged, flying, easy):
    promoted(challenged, easy, candidate_of(challenged, easy, LATER))
    old = candidate_of(challenged, flying)
    with pytest.raises(GateRefused, match="an older model never replaces a newer one") as refused:
        promoted(challenged, easy, old)
    assert alias(challenged) == "2"
    assert newest_champion(challenged.ledger, "flights").version == "2"
    assert challenged.ledger.get(refused.value.decision_id).evidence["champion_as_of"] == LATER


def test_an_old_model_under_a_newer_date_is_refused(challenged, flying, easy):
    """The date comes from whoever calls; the evaluation knows the true one."""
    promoted(challenged, easy, candidate_of(challenged, easy, LATER))
    old = candidate_of(challenged, flying)
    with pytest.raises(GateRefused, match=r"is not the evaluation of run .* as of 2013-01-18"):
        promoted(challenged, easy, old, as_of="2013-01-18")
    assert alias(challenged) == "2"


def test_a_decision_of_another_gate_is_no_evaluation(nominated, candidate, easy):
    (training,) = nominated.ledger.find(gate="training")
    assert training.verdict.opens
    with pytest.raises(GateRefused, match="is not the evaluation of run"):
        promoted(nominated, easy, candidate, evaluation_id=training.id)
    assert alias(nominated) is None


def test_an_evaluation_that_did_not_pass_opens_nothing(nominated, candidate, easy, changed):
    strict = changed(easy, {"evaluation.min_rows": 10_000})
    with pytest.raises(Exception, match="needed 10000") as shut:
        evaluate(strict, candidate.run_id, AS_OF, actor="tests", workspace=nominated)
    with pytest.raises(GateRefused, match="version 1 did not pass its evaluation: undecided"):
        promoted(nominated, easy, candidate, evaluation_id=shut.value.decision_id)
    assert alias(nominated) is None


@pytest.mark.parametrize(
    "changes", [{"version": "9"}, {"evaluation_id": "f" * 32}], ids=["no such version", "no such decision"]
)
def test_what_does_not_exist_is_not_promoted(nominated, candidate, easy, changes):
    with pytest.raises(NotFound):
        promoted(nominated, easy, candidate, **changes)
    assert nominated.ledger.find(gate="promotion") == []
    assert alias(nominated) is None


def test_a_model_whose_files_were_changed_is_not_promoted(nominated, candidate, easy):
    model = nominated.registry.version_model("flights", candidate.version)
    with (nominated.registry.model_folder(model) / "model.skops").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ArtefactCorrupted, match=r"they were changed\. Nothing was loaded"):
        promoted(nominated, easy, candidate)
    assert nominated.ledger.find(gate="promotion") == []
    assert alias(nominated) is None


# Stopped between ledger and alias


class CutOffRegistry(Registry):
    """Loses MLflow at the moment when the alias is to be set."""

    def set_alias(self, *arguments):
        raise Outage("MLflow does not answer")


def test_an_outage_before_the_alias_is_made_good_by_the_next_run(nominated, candidate, easy):
    registry, nominated.registry = nominated.registry, CutOffRegistry(nominated.settings)
    with pytest.raises(Outage):
        promoted(nominated, easy, candidate)
    nominated.registry = registry
    (decision,) = nominated.ledger.find(gate="promotion")
    assert alias(nominated) is None
    assert promoted(nominated, easy, candidate).id == decision.id
    assert alias(nominated) == "1"
    assert len(nominated.ledger.find(gate="promotion")) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from include.promotion.stage import promote
from include.registry import Registry
from include.settings import Settings
from include.workspace import Workspace

Registry.set_alias = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
home, version, run_id, as_of, evaluation_id = sys.argv[1:]
workspace = Workspace(Settings(home=Path(home), _env_file=None))
promote(
    workspace.use_case("flights"), version=version, run_id=run_id, as_of=as_of, evaluation_id=evaluation_id,
    actor="tests", workspace=workspace,
)
"""


def test_killed_between_ledger_and_alias_the_next_run_sets_it(nominated, candidate, easy):
    arguments = [candidate.version, candidate.run_id, candidate.as_of, candidate.decision_id]
    home = str(nominated.settings.home)
    done = subprocess.run([sys.executable, "-c", KILLED, home, *arguments], cwd=PROJECT_ROOT, check=False)
    assert done.returncode == -9
    (decision,) = nominated.ledger.find(gate="promotion")
    assert decision.verdict.opens
    assert alias(nominated) is None
    assert promoted(nominated, easy, candidate).id == decision.id
    assert alias(nominated) == "1"
    nominated.ledger.verify()
