"""Signatures of models: whose key, which files, and what is told when they do not hold."""

import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from include.artefacts import SIGNATURE, Seal, check_digest, model_digest
from include.errors import ArtefactCorrupted, ConfigurationError
from include.settings import Settings


@pytest.fixture
def seal(tmp_path):
    return Seal(Settings(home=tmp_path / "home", _env_file=None))


@pytest.fixture
def folder(tmp_path):
    """A model's folder, with one of its files in a folder of its own."""
    folder = tmp_path / "model"
    (folder / "more").mkdir(parents=True)
    (folder / "model.skops").write_bytes(b"weights")
    (folder / "more" / "MLmodel").write_text("flavors: {}\n")
    return folder


@pytest.fixture
def signed(seal, folder):
    seal.sign(folder)
    seal.verify(folder, "models:/m-1")
    return folder


def other_seal(tmp_path, **settings):
    return Seal(Settings(home=tmp_path / "other", _env_file=None, **settings))


def test_a_key_is_made_once_for_its_owner_alone(seal, folder):
    assert not seal.key_file.exists()
    seal.sign(folder)
    key = seal.key_file.read_bytes()
    assert stat.S_IMODE(seal.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(seal.key_file.parent.stat().st_mode) == 0o700
    assert [path.name for path in seal.key_file.parent.iterdir()] == ["signing.pem"]
    seal.sign(folder)
    seal.verify(folder, "models:/m-1")
    assert seal.key_file.read_bytes() == key


def test_of_many_who_make_the_key_at_once_one_wins(seal):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: seal._public_key(), range(8)))
    assert len(set(found)) == 1
    assert [path.name for path in seal.key_file.parent.iterdir()] == ["signing.pem"]


def test_the_signature_is_no_part_of_the_hash(signed):
    before = model_digest(signed)
    check_digest(signed, uri="models:/m-1", recorded=before)
    (signed / SIGNATURE).write_text("{}")
    assert model_digest(signed) == before


FAULTS = {
    "a changed byte": lambda folder: (folder / "model.skops").write_bytes(b"weighty"),
    "a file more": lambda folder: (folder / "more" / "code.py").write_text("x = 1\n"),
    "a file less": lambda folder: (folder / "more" / "MLmodel").unlink(),
    "another name": lambda folder: (folder / "model.skops").rename(folder / "model.pkl"),
    "a cut signature": lambda folder: (folder / SIGNATURE).write_text((folder / SIGNATURE).read_text()[:-40]),
    "an empty signature": lambda folder: (folder / SIGNATURE).write_text(""),
    "no bundle at all": lambda folder: (folder / SIGNATURE).write_text("[]"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_was_not_signed_does_not_pass(seal, signed, fault):
    fault(signed)
    with pytest.raises(ArtefactCorrupted, match=r"The signature of model models:/m-1 does not hold"):
        seal.verify(signed, "models:/m-1")


def test_without_a_signature_nothing_passes(seal, signed):
    (signed / SIGNATURE).unlink()
    with pytest.raises(ArtefactCorrupted, match=r"carries no signature \(model\.sig\)"):
        seal.verify(signed, "models:/m-1")


def test_the_signature_of_another_installation_does_not_pass(seal, signed, tmp_path):
    other_seal(tmp_path).sign(signed)
    with pytest.raises(ArtefactCorrupted, match="AIRLOCK_SIGNING_PUBLIC_KEY"):
        seal.verify(signed, "models:/m-1")


def test_a_reader_needs_the_public_key_only(seal, signed, tmp_path):
    public = tmp_path / "signing.pub"
    public.write_bytes(
        subprocess.run(
            ["openssl", "pkey", "-in", seal.key_file, "-pubout"], check=True, capture_output=True
        ).stdout
    )
    reader = other_seal(tmp_path, signing_public_key=str(public))
    reader.verify(signed, "models:/m-1")
    assert not reader.key_file.exists()


def test_keys_that_openssl_makes_are_taken(folder, tmp_path):
    key = tmp_path / "ec.pem"
    made = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]
    subprocess.run(made, check=True, capture_output=True)
    seal = other_seal(tmp_path, signing_key=str(key))
    seal.sign(folder)
    seal.verify(folder, "models:/m-1")


def wrong_key(tmp_path, content):
    key = tmp_path / "key.pem"
    if content is not None:
        key.write_bytes(content)
    return other_seal(tmp_path, signing_key=str(key))


WRONG = {"no file": None, "no key": b"hello\n", "nothing": b""}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_named_key_is_never_made(folder, tmp_path, content):
    seal = wrong_key(tmp_path, content)
    with pytest.raises(ConfigurationError, match="AIRLOCK_SIGNING_KEY must name an unencrypted PEM file"):
        seal.sign(folder)
    assert not (folder / SIGNATURE).exists()


def test_a_key_of_another_kind_is_refused(folder, tmp_path):
    key = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True).stdout
    with pytest.raises(ConfigurationError, match="is no elliptic-curve key; make one with"):
        wrong_key(tmp_path, key).sign(folder)


def test_a_missing_public_key_is_told(signed, tmp_path):
    seal = other_seal(tmp_path, signing_public_key="/nowhere/key.pub")
    with pytest.raises(ConfigurationError, match=r"AIRLOCK_SIGNING_PUBLIC_KEY names /nowhere/key\.pub"):
        seal.verify(signed, "models:/m-1")
