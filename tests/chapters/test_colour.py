"""What chapters 13 and 14 share: the data in use, tables, known factors."""

import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy import stats

from equivae_lite import files
from equivae_lite.chapters import colour, figures
from equivae_lite.chapters import session as session_module
from equivae_lite.data import sources
from equivae_lite.runs.folders import Folder
from equivae_lite.training import checkpoints, experiments
from tests.support.small import COLOUR, images, save_untrained


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """No real data, no results, no checkpoints."""
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path / "no data"))
    monkeypatch.setenv("EQUIVAE_PROFILE", "book")
    monkeypatch.delenv("EQUIVAE_STAMP_FILE", raising=False)
    monkeypatch.setattr(session_module, "SHELF", Folder(tmp_path))
    monkeypatch.setattr(checkpoints.paths, "__defaults__", (tmp_path,))
    yield
    figures.use_style()
    plt.close("all")


@pytest.fixture
def svhn_files(tmp_path, monkeypatch):
    """The names of SVHN's files: `setup` asks only whether they are there."""
    folder = tmp_path / "here"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"{split}_32x32.mat").touch()
    monkeypatch.setenv("EQUIVAE_DATA", str(folder))


def note():
    return figures.image_grid(torch.zeros(1, 1, 3, 32, 32)).axes[0].get_title()


def test_start_without_svhn(capsys):
    session = colour.start("supervised")
    assert (session.wanted, session.data) == ("svhn", "street-glyphs")
    out = capsys.readouterr().out
    assert 'download("svhn")' in out and "there is no model" not in out
    assert note() == "stand-in: street-glyphs"


def test_start_with_svhn_but_no_model_of_it(capsys, svhn_files):
    assert sources.available("svhn")
    session = colour.start("supervised")
    assert session.data == "street-glyphs" and session.stand_in
    out = capsys.readouterr().out
    assert "STAND-IN: this run uses street-glyphs" in out and "download" not in out
    assert "svhn-supervised would be shown if trained" in out
    assert "python -m equivae_lite reproduce svhn-supervised --seeds 0 1 2" in out
    assert note() == "stand-in: street-glyphs"


def test_start_with_svhn_and_a_model(svhn_files, tmp_path):
    (tmp_path / "svhn-supervised-seed0.safetensors").touch()
    session = colour.start("supervised")
    assert session.data == "svhn" and not session.stand_in and note() == ""
    assert colour.start("semi-supervised").stand_in  # of which there is no model


def test_start_asks_for_every_model_that_is_shown(svhn_files, tmp_path, capsys):
    (tmp_path / "svhn-supervised-seed0.safetensors").touch()
    session = colour.start("supervised", "supervised-no-separation")
    assert session.data == "street-glyphs"
    out = capsys.readouterr().out
    assert "*** svhn-supervised-no-separation would be shown if trained" in out
    assert "reproduce svhn-supervised-no-separation --seeds" in out
    assert "reproduce svhn-supervised --seeds" not in out
    (tmp_path / "svhn-supervised-no-separation-seed0.safetensors").touch()
    assert colour.start("supervised", "supervised-no-separation").data == "svhn"


def test_full_trains_on_svhn_if_it_is_there(svhn_files, monkeypatch):
    monkeypatch.setenv("EQUIVAE_PROFILE", "full")
    assert colour.start("supervised").data == "svhn"


@pytest.fixture
def part_files(tmp_path, monkeypatch):
    """The names of svhn-part's files."""
    folder = tmp_path / "here" / "SVHN-part"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        (folder / f"{split}.npz").touch()
    monkeypatch.setenv("EQUIVAE_DATA", str(tmp_path / "here"))
    return tmp_path / "here"


def test_a_part_of_svhn_never_passes_for_svhn(part_files, tmp_path, capsys):
    (tmp_path / "svhn-part-supervised-seed0.safetensors").touch()
    session = colour.start("supervised")
    assert (session.wanted, session.data) == ("svhn", "svhn-part")
    assert not session.stand_in and note() == session_module.PARTS["svhn-part"]
    out = capsys.readouterr().out
    assert "A PART OF THE REAL DATA: svhn is not here" in out and "STAND-IN" not in out
    assert "Nothing below is a result on svhn." in out and 'download("svhn")' in out
    assert session.experiment("svhn-supervised") == "svhn-part-supervised"
    assert "no benchmark" in colour.NAMES["svhn-part"]


def test_whole_svhn_is_preferred_to_its_part(part_files, tmp_path, capsys):
    for split in ("train", "test"):
        (part_files / f"{split}_32x32.mat").touch()
    (tmp_path / "svhn-part-supervised-seed0.safetensors").touch()
    assert colour.start("supervised").data == "svhn-part"  # svhn has no model
    out = capsys.readouterr().out
    assert "svhn-supervised would be shown if trained" in out
    assert "svhn is not here" not in out and "download" not in out
    (tmp_path / "svhn-supervised-seed0.safetensors").touch()
    session = colour.start("supervised")
    assert session.data == "svhn" and note() == ""


def test_the_part_without_a_model_of_it_gives_way_to_the_stand_in(part_files):
    session = colour.start("supervised")
    assert session.data == "street-glyphs" and session.stand_in


def test_the_commands_name_presets():
    for data_name in colour.NAMES:
        for kind in ("supervised", "supervised-plain-vae", "labels-alone"):
            command = colour.command(f"{data_name}-{kind}")
            assert experiments.get(command.split()[4]).data == data_name


def write(tmp_path, name, *values):
    seeds = {str(i): {"a": {"b": v}} for i, v in enumerate(values)}
    files.write_json(tmp_path / "results" / f"{name}.json", {"seeds": seeds})


COLUMNS = {"b": (lambda s: s["a"]["b"], 1), "c": (lambda s: s["c"], 2)}


def test_a_table_without_results_names_the_commands():
    table = colour.results_table(
        colour.start("supervised"), {"ours": "supervised"}, COLUMNS
    )
    head, line, *notes = filter(None, table.split("\n"))
    assert (
        head == "| data | model | seeds | b | c |" and line == "|---|---|---|---|---|"
    )
    assert notes == [
        f"**Not run on {words}:** ours. To make it: `python -m equivae_lite "
        f"reproduce {data}-supervised --seeds 0 1 2`"
        for data, words in colour.NAMES.items()
    ]
    both = {"ours": "supervised", "plain": "supervised-plain-vae"}
    table = colour.results_table(colour.start("supervised"), both, COLUMNS)
    assert "**Not run on SVHN:** ours; plain. To make them: " in table
    assert "reproduce svhn-supervised svhn-supervised-plain-vae --seeds 0 1 2`" in table


def test_a_table_fills_itself(tmp_path):
    session = colour.start("supervised")
    write(tmp_path, "svhn-supervised", 1.0, 2.0, 3.0)
    write(tmp_path, "street-glyphs-supervised", 4.25)
    table = colour.results_table(session, {"ours": "supervised"}, COLUMNS)
    # Standard deviation 1 over three seeds: 1 / sqrt(3).
    assert "| SVHN | ours | 3 | 2.0 ± 0.6 | – |" in table
    assert "Not run on SVHN:" not in table and "Not run on svhn-part" in table
    assert "| street-glyphs (stand-in) | ours | 1 | 4.2 | – |" in table
    assert colour.pair(session, "svhn-supervised", COLUMNS["b"][0]) == (
        pytest.approx(2.0), pytest.approx(3**-0.5)
    )  # fmt: skip
    assert colour.pair(session, "svhn-labels-alone", COLUMNS["b"][0]) is None


def test_what_is_read_is_noted_for_the_stamp(tmp_path, monkeypatch):
    stamp = tmp_path / "stamp.jsonl"
    monkeypatch.setenv("EQUIVAE_STAMP_FILE", str(stamp))
    write(tmp_path, "svhn-supervised", 1.0)
    colour.seeds_of(colour.start("supervised"), "svhn-supervised")
    lines = stamp.read_text(encoding="utf-8").splitlines()
    noted = {(n["kind"], n["name"]): n["digest"] for n in map(json.loads, lines)}
    assert noted.pop(("results", "svhn-supervised")) != "absent"
    # What was looked for in vain is noted as well: what is shown changes when it comes.
    assert set(noted) == {
        ("checkpoint", f"{data}-supervised") for data in colour.NAMES
    } and set(noted.values()) == {"absent"}


def test_departures_have_a_row_each_and_a_dash_for_what_they_lack():
    with_f = {"bound": -1500.0, "kl": 40.0, "wrong_class": 3.0,
              "nearest_class_error": 0.5, "apart": 0.25}  # fmt: skip
    one = with_f | {"bound": -1502.0}
    table = {k: with_f[k] for k in ("bound", "kl", "wrong_class")}
    content = {"departures": {
        "a": {"words": "with f", "seeds": {"0": with_f, "1": one}},
        "b": {"words": "without", "seeds": {"0": table}},
    }}  # fmt: skip
    _, _, first, second = colour.departures_table(content).split("\n")
    cells = "-1501 ± 1 | 40.0 ± 0.0 | 3.00 ± 0.00 | 50 ± 0 | 0.2500 ± 0.0000"
    assert first == f"| with f | 2 | {cells} |"
    assert second == "| without | 1 | -1500 | 40.0 | 3.00 | – | – |"


def test_the_interval_is_students_and_decides():
    ours, theirs = [5.0, 5.3, 5.1], [3.0, 3.3, 3.6]
    # By hand: the mean of 2.0, 2.0, 1.5 and 4.303 of their standard errors.
    differences = np.array([2.0, 2.0, 1.5])
    half = 4.30265 * differences.std(ddof=1) / math.sqrt(3)
    low, high = differences.mean() - half, differences.mean() + half
    words = colour.verdict(ours, theirs, 3, paired=True)
    assert words == (
        f"+1.833, 95 % interval +{low:.3f} to +{high:.3f} (3 pairs): better"
    )
    assert colour.verdict(theirs, ours).endswith("(3 and 3 seeds): worse")
    # Beyond two standard errors, and yet within an interval that two seeds leave open.
    open_ = colour.verdict([1.0, 1.4], [0.1, 0.2], paired=True)
    assert open_.endswith("(2 pairs): so few seeds show no difference")


def test_unpaired_the_interval_is_welchs():
    ours, theirs = [10.0, 12.0, 14.0, 11.0], [1.0, 1.1, 1.2]
    a, b = np.var(ours, ddof=1) / 4, np.var(theirs, ddof=1) / 3
    df = (a + b) ** 2 / (a**2 / 3 + b**2 / 2)
    half = stats.t.ppf(0.975, df) * math.sqrt(a + b)
    gain = np.mean(ours) - np.mean(theirs)
    assert colour.verdict(ours, theirs, 2) == (
        f"+{gain:.2f}, 95 % interval +{gain - half:.2f} to +{gain + half:.2f} "
        "(4 and 3 seeds): better"
    )


def test_a_single_seed_claims_nothing():
    words = "+9.0 (a single seed has no interval: no claim)"
    assert colour.verdict([10.0], [1.0, 1.0]) == words
    assert colour.verdict([10.0, 10.0], [1.0]) == words


def test_drawable_has_svhn_first(tmp_path):
    assert colour.drawable("supervised") == []
    save_untrained(COLOUR, tmp_path)
    assert colour.drawable("supervised") == ["street-glyphs-supervised"]
    (tmp_path / "svhn-supervised-seed0.safetensors").touch()
    assert colour.drawable("supervised") == [
        "svhn-supervised", "street-glyphs-supervised"
    ]  # fmt: skip


def test_mistaken_counts_representations_that_look_like_another_class(monkeypatch):
    some = images("street-glyphs", limit=400)
    model = checkpoints.build(COLOUR)
    model.encoder.g = torch.nn.Identity()

    def with_codes(codes):
        monkeypatch.setattr(colour, "embed_all", lambda *_: codes)
        return [colour.mistaken(model, None, some, m) for m in (1, 100)]

    assert with_codes(torch.zeros(400, 3)) == [0.9, 0.9]  # class 0 is always nearest
    named = torch.nn.functional.one_hot(some.labels).float()
    assert with_codes(named) == [0, 0]
    noise = torch.randn(400, 10, generator=torch.Generator().manual_seed(0))
    few, many = with_codes(named + 0.7 * noise)  # a mean over many has less noise
    assert 0.2 < few < 0.8 and many < few - 0.2
