from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[3] / "scripts/bench"
sys.path.append(str(BENCH))

from rows_file import Refused, columns_to_read, labels_of, read_rows, table_of, times_of  # noqa: E402 -- from the folder above

HEADER = ["number", "opened", "priority", "group", "load", "created", "closed", "end_state", "late"]


def write(path: Path, *, first_day: int, count: int = 400, seed: int = 1) -> Path:
    draw = np.random.default_rng(seed)
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        for number in range(count):
            group, load = draw.choice(["north", "south"]), draw.normal()
            late = draw.uniform() < 1 / (1 + np.exp(-(2 * load + (group == "north"))))
            day = f"2016-03-{first_day + number * 10 // count:02d}T"
            out.writerow(
                [
                    f"N{seed}{number}", f"{day}{8 + number % 10:02d}:00", draw.choice(["1 - High", "3 - Low"]), group,
                    f"{load:.3f}", f"{day}07:00", f"2016-04-{first_day + number % 10:02d}T10:00",
                    "bad" if late else "good", "yes" if late else "no",
                ]
            )  # fmt: skip
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCH / "sla_risk"), *arguments],
        capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"COLUMNS": "160"},
    )  # fmt: skip


def test_any_rows_are_judged_and_written_down(tmp_path: Path) -> None:
    train, test = write(tmp_path / "train.csv.gz", first_day=1), write(tmp_path / "test.csv", first_day=15, seed=2)
    written, chart = tmp_path / "figures.json", tmp_path / "chart.png"
    done = run(
        "--train", str(train), "--test", str(test), "--label", "late", "--time", "opened", "--drop", "end_*",
        "--json", str(written), "--chart", str(chart),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(written.read_text())
    assert found["figures"]["estimator"]["auc"] > 0.8 > 0.6 > found["figures"]["priority alone"]["auc"]
    assert found["figures"]["estimator"]["brier"] < found["figures"]["rate of the past"]["brier"]
    assert found["not_read"] == {
        "number": "names the row", "closed": "lies after opened, so it was not known then", "end_state": "dropped",
    }  # fmt: skip
    assert chart.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--train": "nowhere.csv"}, "nowhere.csv"),
        ({"--label": "lost"}, "no column lost"),
        ({"--label": "group"}, "neither yes nor no"),
        ({"--time": "group"}, "no time"),
        ({"--drop": "("}, "--drop"),
    ],
)
def test_what_cannot_be_measured_is_told_in_a_sentence(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    path = str(write(tmp_path / "rows.csv", first_day=1, count=60))
    given = {"--train": path, "--test": path, "--label": "late", "--time": "opened", "--drop": "end_*"} | changes
    done = run(*(part for pair in given.items() for part in pair))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_half_of_the_arguments_are_refused() -> None:
    assert run("--train", "a.csv").returncode == 2


def test_columns_are_read_as_what_the_training_rows_hold(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "rows.csv", first_day=1))
    reading = columns_to_read(rows, label="late", time="opened", drop=[r"end_.*"])
    assert (reading.numbers, reading.categories, reading.times) == (["load"], ["priority", "group"], ["created"])
    table = table_of(rows, reading, time="opened")
    # The first of March 2016 was a Tuesday.
    assert (table.numbers["weekday"][0], table.numbers["hour"][0], table.numbers["hour of the week"][0]) == (1, 8, 32)
    assert table.numbers["days since created"][0] == pytest.approx(1 / 24)


def test_labels_and_times_come_in_many_shapes(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("at,late\n29/02/2016 01:16,TRUE\n2016-02-29T01:16,0\n2016-02-29 01:16:00+00:00,No\n")
    rows = read_rows(path)
    assert labels_of(rows, "late").tolist() == [1, 0, 0]
    assert len(set(times_of(rows, "at").tolist())) == 1


def test_a_row_that_does_not_fit_its_header_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(Refused, match="row 3 has 1 values for 2 columns"):
        read_rows(path)
