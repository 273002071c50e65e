"""MLflow behind its small interface: one version a run, aliases, changed bytes, and absent servers."""

import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND, RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE
from sqlalchemy.exc import OperationalError

from include.errors import ArtefactCorrupted, NotFound, Outage
from include.model_versions import MODEL_HASH, LoggedModel
from include.registry import CHAMPION, MODEL_TAG


@pytest.fixture
def champion(championed):
    """The registry with its one version, and the files of that version's model."""
    registry = championed.registry
    return championed, registry.version_model("flights", registry.alias_version("flights", CHAMPION))


def stored_folder(workspace, model):
    """Return where MLflow keeps the files of a model."""
    found = workspace.registry.client.get_logged_model(model.uri.split("/")[-1])
    return Path(unquote(urlsplit(found.artifact_location).path))


def cached_folder(workspace, model):
    return workspace.settings.home / "cache" / "models" / model.sha256


# Versions and aliases


def test_a_run_is_registered_once(champion, tmp_path):
    import mlflow

    workspace, model = champion
    registry = workspace.registry
    run_id = registry.client.get_model_version("flights", "1").run_id
    assert registry.register("flights", model=model, run_id=run_id, tags={"more": "tags"}) == "1"
    assert len(registry.client.search_model_versions("name = 'flights'")) == 1
    other = registry.client.create_run(registry.experiment_id("flights")).info.run_id
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    assert registry.register("flights", model=model, run_id=other, tags={"airlock.as_of": "x"}) == "2"
    tags = registry.client.get_model_version("flights", "2").tags
    assert tags["airlock.as_of"] == "x"
    assert tags[MODEL_HASH] == model.sha256


def test_of_two_processes_that_register_a_run_at_once_one_version_stays(champion, monkeypatch):
    workspace, model = champion
    registry = workspace.registry
    run_id = registry.client.create_run(registry.experiment_id("flights")).info.run_id
    create = registry.client.create_model_version

    def overtaken(*arguments, **named):
        create(*arguments, **named)
        return create(*arguments, **named)

    monkeypatch.setattr(registry.client, "create_model_version", overtaken)
    first = registry.register("flights", model=model, run_id=run_id, tags={})
    assert [
        str(found.version) for found in registry.client.search_model_versions(f"run_id = '{run_id}'")
    ] == [first]


def test_an_alias_is_read_where_it_was_set(champion):
    workspace, _ = champion
    registry = workspace.registry
    assert registry.alias_version("flights", "challenger") is None
    registry.set_alias("flights", "challenger", "1")
    assert registry.alias_version("flights", "challenger") == "1"
    registry.delete_alias("flights", "challenger")
    assert registry.alias_version("flights", "challenger") is None
    assert registry.alias_version("flights", CHAMPION) == "1"


def test_what_does_not_exist(featured):
    registry = featured.registry
    assert registry.alias_version("flights", CHAMPION) is None
    assert registry.finished_run("flights", "no such key") is None
    with pytest.raises(NotFound, match="MLflow has no version 7 of flights"):
        registry.version_model("flights", "7")
    with pytest.raises(NotFound, match="MLflow has no run 0000"):
        registry.run("0000")


def test_an_experiment_is_made_once(featured):
    assert featured.registry.experiment_id("flights") == featured.registry.experiment_id("flights")
    assert featured.registry.experiment_id("flights") != featured.registry.experiment_id("trips")


# Runs


def test_a_run_that_fails_is_no_finished_run(featured):
    registry = featured.registry
    tags = {"airlock.training_key": "k"}
    with pytest.raises(ZeroDivisionError), registry.recorded_run("flights", name="a run", tags=tags):
        raise ZeroDivisionError
    (run,) = registry.client.search_runs([registry.experiment_id("flights")])
    assert (run.info.status, registry.finished_run("flights", "k")) == ("FAILED", None)
    with registry.recorded_run("flights", name="a run", tags=tags) as run_id:
        assert registry.finished_run("flights", "k") is None
    assert registry.finished_run("flights", "k") == run_id


def test_two_installations_in_one_process_keep_apart(featured, championed):
    """MLflow has one address a process; whoever acts leads it to its own."""
    for name, workspace in {"one": featured, "other": championed, "again": featured}.items():
        with workspace.registry.recorded_run("trips", name=name, tags={}):
            workspace.registry.log(params={"name": name}, metrics={"value": 1.0})
    found = {
        workspace: sorted(
            run.data.params["name"]
            for run in workspace.registry.client.search_runs([workspace.registry.experiment_id("trips")])
        )
        for workspace in (featured, championed)
    }
    assert found == {featured: ["again", "one"], championed: ["other"]}


# Changed bytes


def change_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FAULTS = {
    "a changed model": lambda folder: change_a_byte(folder / "model.skops"),
    "a changed reference": lambda folder: change_a_byte(next(folder.rglob("reference.parquet"))),
    "a changed requirement": lambda folder: change_a_byte(folder / "requirements.txt"),
    "a file more": lambda folder: (folder / "more.py").write_text("x = 1\n"),
    "a file less": lambda folder: (folder / "requirements.txt").unlink(),
    "no file left": lambda folder: [path.unlink() for path in folder.rglob("*") if path.is_file()],
    "two files exchanged": lambda folder: (
        (folder / "conda.yaml").rename(folder / "spare"),
        (folder / "python_env.yaml").rename(folder / "conda.yaml"),
        (folder / "spare").rename(folder / "python_env.yaml"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("where", ["store", "cache"])
def test_changed_files_refuse_to_load(champion, fault, where):
    workspace, model = champion
    workspace.registry.load(model)
    if where == "store":
        for path in sorted(cached_folder(workspace, model).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        cached_folder(workspace, model).rmdir()
        fault(stored_folder(workspace, model))
    else:
        fault(cached_folder(workspace, model))
    with pytest.raises(ArtefactCorrupted, match=r"hash to .*…, recorded was .*…: they were changed"):
        workspace.registry.load(model)
    assert (where == "cache") == cached_folder(workspace, model).is_dir()
    assert list((workspace.settings.home / "cache" / "models").glob("tmp*")) == []


def test_the_local_copy_is_enough(champion):
    """Scoring goes on while the store does not answer, from files that were checked."""
    workspace, model = champion
    folder = workspace.registry.model_folder(model)
    stored_folder(workspace, model).rename(workspace.settings.home / "away")
    assert workspace.registry.model_folder(model) == folder
    assert workspace.registry.load(model).predict_proba is not None


FORGED = {
    "without a signature": (lambda folder: (folder / "model.sig").unlink(), "carries no signature"),
    "with that of another model": (
        lambda folder: (folder / "model.sig").write_text((folder / "model.sig").read_text()[::-1]),
        "does not hold",
    ),
}


@pytest.mark.parametrize(("fault", "message"), FORGED.values(), ids=FORGED)
def test_files_that_hash_right_need_a_signature_too(champion, fault, message):
    """Whoever can write to the store can write a hash beside the files, but has no key."""
    workspace, model = champion
    fault(workspace.registry.model_folder(model))
    with pytest.raises(ArtefactCorrupted, match=message):
        workspace.registry.load(model)


def test_a_key_that_was_exchanged_is_noticed(champion):
    workspace, model = champion
    workspace.registry.load(model)
    (workspace.settings.home / "keys" / "signing.pem").unlink()
    with pytest.raises(ArtefactCorrupted, match=r"The signature of model .* does not hold"):
        workspace.registry.load(model)


def test_a_hash_that_was_never_recorded_is_no_excuse(champion):
    workspace, model = champion
    with pytest.raises(ArtefactCorrupted, match="recorded was …"):
        workspace.registry.load(LoggedModel(uri=model.uri, sha256=""))


# Outages

ERRORS = {
    "no connection": (requests.ConnectionError("refused"), True),
    "too slow": (requests.Timeout("read timed out"), True),
    "a broken answer": (requests.exceptions.ChunkedEncodingError("cut off"), True),
    "a lost socket": (ConnectionResetError("reset"), True),
    "a database that is away": (OperationalError("SELECT 1", {}, OSError("refused")), True),
    "an error of the server": (MlflowException("oops\nTraceback"), True),
    "a server that is starting": (MlflowException("later", error_code=TEMPORARILY_UNAVAILABLE), True),
    "a 404 that is not MLflow's": (MlflowException("404", error_code=ENDPOINT_NOT_FOUND), True),
    "a wrong request": (MlflowException.invalid_parameter_value("no"), False),
    "no such thing": (MlflowException("no", error_code=RESOURCE_DOES_NOT_EXIST), False),
    "an error of ours": (KeyError("x"), False),
}


@pytest.mark.parametrize(("error", "outage"), ERRORS.values(), ids=ERRORS)
def test_which_errors_are_outages(featured, error, outage):
    with pytest.raises(Outage if outage else type(error)) as raised, featured.registry._outages():
        raise error
    if outage:
        assert raised.value.__cause__ is error
        assert "\n" not in str(raised.value)
        assert "the task will be tried again" in str(raised.value)


@pytest.mark.timeout(120)
def test_an_absent_server_is_an_outage_without_its_password(open_home, tmp_path, heavy_imports):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    cut_off = open_home(tmp_path, mlflow_tracking_uri=f"http://airlock:s3cret@127.0.0.1:{port}")
    with pytest.raises(Outage, match=rf"MLflow at http://127.0.0.1:{port} does not answer") as down:
        cut_off.registry.alias_version("flights", CHAMPION)
    assert "s3cret" not in str(down.value)
    assert not (tmp_path / "mlflow").exists()


def test_the_model_of_a_run_is_the_model_of_its_version(champion):
    workspace, model = champion
    run_id = workspace.registry.client.get_model_version("flights", "1").run_id
    assert workspace.registry.tagged_model(run_id, MODEL_TAG) == model
