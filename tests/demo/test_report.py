from __future__ import annotations

import io

import pytest

from odps_frames.demo.report import Report


def test_a_step_says_what_it_moved_and_how_fast() -> None:
    out = io.StringIO()
    times = iter([10.0, 12.0])
    report = Report(out, lambda: next(times))
    with report.step("write flights") as step:
        step.n_rows, step.n_bytes = 336_776, 50_000_000
    assert out.getvalue().split() == ["write", "flights", "336,776", "25.0", "2.00"]


def test_lines_stand_below_their_headings() -> None:
    out = io.StringIO()
    report = Report(out, iter([0.0, 1.0, 1.0, 3.0]).__next__)
    report.heading("the tour")
    with report.step("a step without figures"):
        pass
    with report.step("a step") as step:
        step.n_rows, step.n_bytes = 1, 2_000_000
    title, _, names, first, second = out.getvalue().splitlines()
    assert title == "the tour"
    assert len(names) == len(first) == len(second) <= 80
    assert second.index("1 ") + 1 == names.index("rows") + len("rows")


def test_a_step_that_fails_says_nothing() -> None:
    out = io.StringIO()
    report = Report(out, lambda: 0.0)
    with pytest.raises(KeyError), report.step("a step"):
        raise KeyError
    assert out.getvalue() == ""
