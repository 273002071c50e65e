"""The stores of one installation: where they lie, and that nothing is opened before it is used."""

import pytest

from include.errors import UseCaseError
from include.workspace import Workspace


def test_opening_touches_nothing(settings):
    workspace = Workspace(settings)
    assert workspace.settings is settings
    assert all((workspace.lake, workspace.raw, workspace.reports, workspace.landing, workspace.ledger))
    assert not settings.home.exists()


@pytest.mark.parametrize("root", ["", "s3://bucket/prefix", "/elsewhere/lake/"])
def test_raw_files_and_reports_lie_in_the_lake_beside_the_tables(settings, root):
    workspace = Workspace(settings.model_copy(update={"lake_url": root}))
    lake = (root or f"{settings.home}/lake").rstrip("/")
    assert workspace.lake.uri("uc", "batches") == f"{lake}/uc/batches"
    assert workspace.raw.address("x") == f"{lake}/_raw/x"
    assert workspace.reports.address("x") == f"{lake}/_reports/x"


def test_no_use_case_can_have_the_name_of_a_store(workspace):
    for name in ("_raw", "_reports"):
        with pytest.raises(UseCaseError, match="There is no use case"):
            workspace.use_case(name)


def test_a_use_case_is_read_by_its_name(workspace, flights):
    assert workspace.use_case("flights") == flights
