"""The files of a model: the hash that names them, and the signature that says who made them.

The hash is recorded in the ledger with every promotion; it shows that the files are those that were tested.
The signature (OpenSSF Model Signing, in the Sigstore bundle format) shows that they come from an
installation that holds the key, also where a hash came with the files from the same store.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import ArtefactCorrupted, ConfigurationError
from include.hashing import digest, digest_file
from include.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from model_signing.hashing import Config as HashingConfig

    from include.settings import Settings

SIGNATURE = "model.sig"
ABOUT = "MLmodel"
STORED_AS = "skops"
# Pickle in its disguises, and modules that MLflow would put on the import path.
_RUNS_CODE = {".pkl", ".pickle", ".cloudpickle", ".joblib", ".dill", ".pt", ".npy", ".py"}
# MLflow writes it beside the files when it downloads a registered version.
_WRITTEN_ON_DOWNLOAD = "registered_model_meta"
# What our own models need beyond the types that skops trusts by itself.
TRUSTED_TYPES = [
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
]
_NOT_CONTENT = {SIGNATURE, _WRITTEN_ON_DOWNLOAD}


def model_digest(folder: Path) -> str:
    """Return the hash of a model's files and their names, without its signature."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _NOT_CONTENT)
    return digest({path.relative_to(folder).as_posix(): digest_file(path) for path in files})


def check_digest(folder: Path, *, uri: str, recorded: str) -> None:
    """Check the files of a model against its recorded hash.

    Raises:
        ArtefactCorrupted: they differ.
    """
    found = model_digest(folder)
    if found != recorded:
        raise ArtefactCorrupted(
            f"The files of model {uri} hash to {found[:16]}…, recorded was {recorded[:16]}…: they "
            f"were changed. Nothing was loaded; restore them, or remove {folder} if it is only the local copy"
        )


def check_format(folder: Path, *, uri: str) -> None:
    """Check that loading a model runs no code that its files bring along.

    Raises:
        ArtefactCorrupted: it is stored otherwise than as skops, which is what Airlock writes.
    """
    import yaml

    try:
        about = yaml.safe_load((folder / ABOUT).read_text(encoding="utf-8"))
        stored = about["flavors"]["sklearn"]["serialization_format"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ArtefactCorrupted(
            f"Model {uri} does not say how it is stored ({type(error).__name__} in {ABOUT}). Nothing was "
            "loaded; train it again"
        ) from error
    code = sorted(path.name for path in folder.rglob("*") if path.suffix in _RUNS_CODE)
    if stored != STORED_AS or code:
        raise ArtefactCorrupted(
            f"Model {uri} is stored as {stored!r}{' with ' + ', '.join(code) if code else ''}, and loading "
            f"that could run anything. Nothing was loaded; train it again, as {STORED_AS}"
        )


class Seal:
    """Signs models and checks their signatures, with the keys that the settings name.

    Without a setting, a key is made for this installation when it is first needed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def key_file(self) -> Path:
        """Where the private key lies."""
        named = self._settings.signing_key
        return PROJECT_ROOT / named if named else self._settings.home / "keys" / "signing.pem"

    def sign(self, folder: Path) -> Path:
        """Sign the files of a model and return the signature, a file among them.

        Raises:
            ConfigurationError: the key that the settings name cannot be read or is of another kind.
        """
        from model_signing import signing

        self._private_key()
        signature = folder / SIGNATURE
        config = signing.Config().use_elliptic_key_signer(private_key=self.key_file)
        config.set_hashing_config(_hashing(folder)).sign(folder, signature)
        return signature

    def verify(self, folder: Path, uri: str) -> None:
        """Check the signature of a model's files.

        Raises:
            ArtefactCorrupted: there is none, another key made it, or it is not of these files.
            ConfigurationError: the key that the settings name cannot be read or is of another kind.
        """
        signature = folder / SIGNATURE
        if not signature.is_file():
            raise ArtefactCorrupted(
                f"Model {uri} carries no signature ({SIGNATURE}). Nothing was loaded; train it again, or "
                "restore the file"
            )
        *others, last = self._public_keys()
        for public in others:
            with suppress(ArtefactCorrupted):
                return _verify(folder, uri, public)
        return _verify(folder, uri, last)

    def _public_keys(self) -> list[bytes]:
        """Return the keys that a model may be signed with: those that are named, or the private one's."""
        if named := self._settings.signing_public_key:
            return [_read_public(path.strip()) for path in named.split(",")]
        return [self._public_key()]

    def _public_key(self) -> bytes:
        from cryptography.hazmat.primitives import serialization

        return (
            self._private_key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def _private_key(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        if not self._settings.signing_key and not self.key_file.is_file():
            _make_key(self.key_file)
        try:
            key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"The signing key {self.key_file} cannot be read ({error}); AIRLOCK_SIGNING_KEY must name an "
                "unencrypted PEM file that this user may read"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigurationError(
                f"The signing key {self.key_file} is no elliptic-curve key; make one with: "
                "openssl ecparam -name prime256v1 -genkey -noout"
            )
        return key


def _verify(folder: Path, uri: str, public: bytes) -> None:
    """Check the signature with one public key."""
    from model_signing import verifying

    with tempfile.NamedTemporaryFile(suffix=".pub") as file:
        file.write(public)
        file.flush()
        config = verifying.Config().use_elliptic_key_verifier(public_key=file.name)
        try:
            config.set_hashing_config(_hashing(folder)).verify(folder, folder / SIGNATURE)
        # The library lets faults of every kind through, its parser's and the cipher's among them.
        except Exception as error:
            cause = " ".join(str(error).split()) or type(error).__name__
            raise ArtefactCorrupted(
                f"The signature of model {uri} does not hold: {cause}. Nothing was loaded; if another "
                "installation trained it, or a key that was exchanged since signed it, name that key in "
                "AIRLOCK_SIGNING_PUBLIC_KEY"
            ) from error


def _read_public(named: str) -> bytes:
    try:
        return (PROJECT_ROOT / named).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"AIRLOCK_SIGNING_PUBLIC_KEY names {named}, which cannot be read: {error.strerror}"
        ) from error


def _hashing(folder: Path) -> HashingConfig:
    from model_signing import hashing

    return hashing.Config().set_ignored_paths(
        paths=[path.relative_to(folder) for path in folder.rglob("*") if path.name in _NOT_CONTENT],
        ignore_git_paths=False,
    )


def _make_key(path: Path) -> None:
    """Make a private key that only this user may read; of two processes at once, the first one's stays."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # A file of its own first: whoever finds the key under its name finds all of it. mkstemp gives mode 0600.
    handle, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        Path(draft).unlink()
