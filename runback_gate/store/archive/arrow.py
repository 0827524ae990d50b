"""Parquet and file systems: the only file that imports `pyarrow` (extra `archive`).

In: where an archive lies, a folder or a URI such as `s3://bucket/archive?region=eu-central-1`. Out: its files; and rows
as the bytes of a part, and back.

    storage = open_storage("s3://bucket/archive")
    data = part_bytes(rows)
    for row in read_rows(data, "parts/….parquet"): ...

Each run is a page of its own, with a checksum: a changed byte spoils one run, and is found in it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import field, fields
from pathlib import Path
from typing import Any, Final

from runback_gate.documents import write_atomic
from runback_gate.errors import InputError, IntegrityError, Location, WriteError
from runback_gate.frozen import dataclass
from runback_gate.store.archive.model import MAX_PART_BYTES
from runback_gate.store.archive.rows import Row

INSTALL: Final = "pip install 'runback-gate[archive]'; among the images `-full` has it"
COLUMNS: Final = tuple(item.name for item in fields(Row) if item.name != "data")
"""All but the bytes of the run."""
_COUNTS: Final = ("steps", "calls", "size")
_LISTS: Final = ("tools", "models")
_EMPTY: Final = {**dict.fromkeys(COLUMNS, ""), **dict.fromkeys(_COUNTS, 0), **dict.fromkeys(_LISTS, ())}
_ROOM: Final = 64 << 20
"""Bytes that columns beside the runs may take in memory."""
_GROUP: Final = 1024
_WHOLE_PUT: Final = ("s3", "gcs", "abfs")
"""Stores in which a file appears once all of it is there."""
_SECRET: Final = re.compile(r"(?<=://)[^/@]*@|\?.*")


@dataclass(frozen=True, slots=True)
class Storage:
    """Where an archive lies."""

    name: str
    """As messages name it: without what may be a secret in its URI."""
    system: Any
    root: str
    where: str = field(default="", repr=False)
    """As a person named it."""

    def files(self, folder: str) -> dict[str, int]:
        """The files below a folder by path, with their bytes; none where it is not there.

        Raises:
            InputError: it cannot be listed.
        """
        fs = _package("fs")
        selector = fs.FileSelector(f"{self.root}/{folder}", allow_not_found=True, recursive=True)
        with self._reading(folder, "listed"):
            infos = self.system.get_file_info(selector)
        start = len(self.root) + 1
        return {info.path[start:]: info.size for info in infos if info.type == fs.FileType.File}

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: it is not there.
            InputError: it cannot be read, or is larger than `limit` bytes.
        """
        with self._reading(path, "read"), self.system.open_input_file(f"{self.root}/{path}") as file:
            if file.size() > limit:
                raise InputError(f"larger than {limit:,} bytes", location=self.place(path))
            return bytes(file.read(limit + 1))

    def write(self, path: str, data: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            WriteError: it cannot be written.
        """
        where = f"{self.root}/{path}"
        if self.system.type_name == "local":
            write_atomic(Path(where), data)
            return
        whole = self.system.type_name in _WHOLE_PUT
        try:
            self.system.create_dir(where.rpartition("/")[0], recursive=True)
            with self.system.open_output_stream(where if whole else f"{where}.tmp") as file:
                file.write(data)
            if not whole:
                self.system.move(f"{where}.tmp", where)
        except OSError as error:
            raise WriteError(f"cannot be written: {reason_of(error)}", location=self.place(path)) from error

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone already is no error.

        Raises:
            WriteError: it cannot be removed.
        """
        try:
            self.system.delete_file(f"{self.root}/{path}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise WriteError(f"cannot be removed: {reason_of(error)}", location=self.place(path)) from error

    def dataset(self, paths: Sequence[str]) -> Any:
        """The columns of parts but for the runs themselves, as a data set of Arrow, read when it is asked."""
        names = [f"{self.root}/{path}" for path in paths]
        package = _package("dataset")
        return package.dataset(names, schema=_schema(data=False), filesystem=self.system, format="parquet")

    def columns(
        self, names: Sequence[str], paths: Sequence[str], runs: Sequence[str] | None = None
    ) -> dict[str, list[tuple[Any, ...]]]:
        """By the path of each part these columns of its runs, in their order; of `runs` alone where they are given.

        Raises:
            FileNotFoundError: a part is not there.
            InputError: one cannot be read.
        """
        if not paths:
            return {}
        compute = _package("compute")
        wanted = None if runs is None else compute.field("run").isin(list(runs))
        # As the file system gives them: without the slash before the first folder, maybe.
        known = {f"{self.root}/{path}".lstrip("/"): path for path in paths}
        found: dict[str, list[tuple[Any, ...]]] = {}
        with self._reading("parts", "read"):
            for batch in self.dataset(paths).to_batches(columns=["__filename", *names], filter=wanted):
                for file, *values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    found.setdefault(known[file.lstrip("/")], []).append(tuple(values))
        return found

    def place(self, path: str) -> Location:
        """Where a file of the archive lies, for messages."""
        return Location(f"{self.name}/{path}")

    @contextlib.contextmanager
    def _reading(self, path: str, what: str) -> Iterator[None]:
        arrow = _package()
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, arrow.ArrowException) as error:
            raise InputError(f"cannot be {what}: {reason_of(error)}", location=self.place(path)) from error


def open_storage(where: str) -> Storage:
    """The file system and the folder that a person named; nothing is read yet.

    Raises:
        InputError: no file system has this name, or `pyarrow` is not installed.
    """
    fs = _package("fs")
    name = shown(where)
    if "://" not in where:
        return Storage(Path(where).as_posix(), fs.LocalFileSystem(), Path(where).absolute().as_posix())
    try:
        system, root = fs.FileSystem.from_uri(where)
    except (OSError, ValueError, NotImplementedError) as error:
        hint = "a folder, or s3://BUCKET/FOLDER?region=REGION; see docs/guides/scale.md"
        raise InputError(
            f"cannot be opened as an archive: {reason_of(error)}", hint=hint, location=Location(name)
        ) from None
    return Storage(name, system, root.rstrip("/"), where)


def shown(where: str) -> str:
    """The name of a place without what may be a secret in its URI, for messages."""
    return _SECRET.sub("", where).rstrip("/")


def part_bytes(rows: Sequence[Row]) -> bytes:
    """The file of a part."""
    arrow, parquet = _package(), _package("parquet")
    named = (*COLUMNS, "data")
    table = arrow.table({name: [getattr(row, name) for row in rows] for name in named}, schema=_schema(data=True))
    sink = arrow.BufferOutputStream()
    parquet.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=False,
        write_statistics=[name for name in COLUMNS if name not in _LISTS],
        write_page_checksum=True,
        row_group_size=_GROUP,
        # One page for each run.
        write_batch_size=1,
        data_page_size=1,
        data_page_version="2.0",
        store_schema=False,
    )
    return bytes(sink.getvalue())


def read_rows(data: bytes, place: Location, *, size: int, names: Sequence[str] = COLUMNS) -> Iterator[Row]:
    """The rows of a part; whether a row fits its own digest is for the caller to check.

    Args:
        data: the file.
        place: of the part, for messages.
        size: bytes of the run files in it; more than that is never unpacked.
        names: the columns that are unpacked beside the run, which are empty otherwise.

    Raises:
        IntegrityError: it cannot be read from here on; `str` of the error names the run where it can.
    """
    arrow, parquet = _package(), _package("parquet")
    run: str | None = None
    try:
        options = {"thrift_string_size_limit": 16 << 20, "thrift_container_size_limit": 1 << 20}
        file = parquet.ParquetFile(arrow.BufferReader(data), page_checksum_verification=True, **options)
        _refuse_other(file, size, place)
        columns = file.read(columns=[*names], use_threads=False).to_pydict()
        runs = file.iter_batches(batch_size=1, columns=["data"], use_threads=False)
        for number in range(file.metadata.num_rows):
            run = columns["run"][number]
            (content,) = next(runs)["data"].to_pylist()
            values = {**_EMPTY, **{name: columns[name][number] for name in names}}
            lists = {name: tuple(values[name]) for name in _LISTS}
            yield Row(**{**values, **lists}, data=content)
    except (OSError, arrow.ArrowException, StopIteration, KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        where = "" if run is None else f"run {run[:120]}: "
        raise IntegrityError(f"{where}cannot be read: {reason_of(error)}", location=place) from error


def _refuse_other(file: Any, size: int, place: Location) -> None:
    """Refuse another table, and one that says it unpacks to more than its manifest says."""
    if not file.schema_arrow.equals(_schema(data=True)):
        raise IntegrityError("is not part of an archive: it has other columns", location=place)
    about = file.metadata
    unpacked = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    # Beside the runs themselves stands little, but each page has a head.
    if not 0 <= unpacked <= min(size, MAX_PART_BYTES) + _ROOM + 2048 * max(about.num_rows, 0):
        raise IntegrityError(f"unpacks to {unpacked:,} bytes, its manifest says {size:,}", location=place)


def _schema(*, data: bool) -> Any:
    arrow = _package()
    kinds = {**dict.fromkeys(_COUNTS, arrow.int64()), **dict.fromkeys(_LISTS, arrow.list_(arrow.string()))}
    named = [(name, kinds.get(name, arrow.string())) for name in COLUMNS]
    return arrow.schema([*named, ("data", arrow.binary())] if data else named)


def reason_of(error: BaseException) -> str:
    """What a file system says, without what may be a secret; at most a line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _SECRET.sub("", " ".join(str(text).split()))[:300]


def _package(module: str = "") -> Any:
    try:
        import pyarrow  # noqa: PLC0415  an extra of 150 MB
        from pyarrow import compute, dataset, fs, parquet  # noqa: PLC0415
    except ImportError as error:
        raise InputError("pyarrow is not installed", hint=INSTALL) from error
    return {"": pyarrow, "compute": compute, "dataset": dataset, "fs": fs, "parquet": parquet}[module]
