"""Old versions of files, which a bucket of S3 may keep: the only file of archives that imports `botocore`.

    versions = open_versions(storage)           # None where the store is another one
    versions.remove(versions.of("parts"), {"parts/….parquet"})

pyarrow knows the newest version of a file alone, and in a bucket with versions it removes that one by hiding it. What
was erased has to go from the hidden ones as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from runback_gate.errors import InputError, WriteError
from runback_gate.frozen import dataclass
from runback_gate.store.archive.arrow import INSTALL, Storage, reason_of


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a file, or the mark that hides older ones."""

    path: str
    """Below the archive."""
    id: str
    newest: bool


@dataclass(frozen=True, slots=True)
class Versions:
    """Those of a bucket."""

    storage: Storage
    client: Any
    bucket: str
    prefix: str
    """Of the archive in the bucket."""

    def of(self, folder: str) -> list[Version]:
        """All versions of all files below a folder; of a bucket that keeps none those that are there.

        Raises:
            WriteError: they cannot be listed.
        """
        found = []
        try:
            pages = self.client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self.bucket, Prefix=f"{self.prefix}{folder}/"):
                for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    path = item["Key"].removeprefix(self.prefix)
                    found.append(Version(path, item["VersionId"], bool(item["IsLatest"])))
        except _errors() as error:
            if "NotImplemented" in str(error):
                return []
            hint = "allow s3:ListBucketVersions; nothing was erased"
            raise WriteError(
                f"old versions cannot be looked for: {reason_of(error)}", hint=hint, location=self.storage.place(folder)
            ) from error
        return found

    def create(self, path: str, data: bytes) -> bool:
        """Write a file unless it is there, and say whether it was written.

        Raises:
            WriteError: the store does not say.
        """
        try:
            self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}{path}", Body=data, IfNoneMatch="*")
        except _errors() as error:
            if "PreconditionFailed" in str(error) or "ConditionalRequestConflict" in str(error):
                return False
            raise WriteError(f"cannot be written: {reason_of(error)}", location=self.storage.place(path)) from error
        return True

    def remove(self, versions: Iterable[Version], paths: Collection[str]) -> int:
        """Remove those of these files, whatever they are, and give their number.

        Raises:
            WriteError: one cannot be removed.
        """
        number = 0
        for version in versions:
            if version.path in paths:
                try:
                    self.client.delete_object(
                        Bucket=self.bucket, Key=f"{self.prefix}{version.path}", VersionId=version.id
                    )
                except _errors() as error:
                    hint = "allow s3:DeleteObjectVersion, then erase again: it removes what is left"
                    message = f"an old version cannot be removed: {reason_of(error)}"
                    raise WriteError(message, hint=hint, location=self.storage.place(version.path)) from error
                number += 1
        return number


def open_versions(storage: Storage) -> Versions | None:
    """The versions of an archive in S3, with the options and credentials of its URI; None for another store.

    Raises:
        InputError: `botocore` is not installed.
    """
    if storage.system.type_name != "s3":
        return None
    try:
        from botocore.session import get_session  # noqa: PLC0415  an extra
    except ImportError as error:
        raise InputError("botocore is not installed, which removes old versions", hint=INSTALL) from error
    url = urlsplit(storage.where)
    options = {name: values[-1] for name, values in parse_qs(url.query).items()}
    endpoint = options.get("endpoint_override")
    keys: dict[str, str] = {}
    if url.username and url.password:
        keys = {"aws_access_key_id": unquote(url.username), "aws_secret_access_key": unquote(url.password)}
    client = get_session().create_client(
        "s3",
        region_name=options.get("region") or storage.system.region,
        endpoint_url=endpoint and f"{options.get('scheme', 'https')}://{endpoint}",
        **keys,
    )
    bucket, _, prefix = storage.root.partition("/")
    return Versions(storage, client, bucket, f"{prefix}/" if prefix else "")


def _errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  an extra

    return BotoCoreError, ClientError
