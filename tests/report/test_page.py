"""Claims: the page is whole, needs nothing from elsewhere, says what is absent, and escapes what it is given."""

import io
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from matplotlib.figure import Figure

from graphtwin import artifacts
from graphtwin.report.figures import Drawn, verdict_figures
from graphtwin.report.folder import RunFolder
from graphtwin.report.pages import run_page as page
from tests.report.reading import unlinked

pytestmark = pytest.mark.slow


SECTIONS = ["findings", "results", "data", "embedding", "neurons", "connectivity", "permutation", "wiring", "provenance"]
FIGURES = ["differences", "funnel", "basis", "held-out", "map", "leakage", "confusion", "layer", "depth", "roc", "calibration", "size"]
FIGURES += ["permutations", "like-to-like", "conditional"]


class Reader(HTMLParser):
    """Collects the ids and addresses of a page."""

    def __init__(self):
        super().__init__()
        self.ids, self.addresses, self.loaded, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.addresses.append(value)
                if tag != "a":
                    self.loaded.append(value)


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.fixture(scope="module")
def html(finished):
    return unlinked((finished / "report.html").read_text(encoding="utf-8"))


def test_every_section_and_figure_is_present_and_in_the_contents(html):
    reader = read(html)
    assert set(SECTIONS + FIGURES) <= set(reader.ids)
    assert {f"#{name}" for name in SECTIONS} <= set(reader.addresses)
    assert html.count("<figure") == len(FIGURES)
    assert "Not in this run" not in html


def test_ids_are_unique(html):
    ids = read(html).ids
    assert len(ids) == len(set(ids))


def test_the_page_needs_nothing_from_another_host(html):
    reader = read(html)
    outside = [address for address in reader.loaded if re.match(r"(?!data:image/png;base64,)(\w+:|//)", address)]
    assert outside == []
    led_to = [address for address in set(reader.addresses) - set(reader.loaded) if re.match(r"\w+:|//", address)]
    assert all(address.startswith("https://doi.org/10.") for address in led_to)
    assert not {"link", "iframe", "object"} & set(reader.tags)
    assert "@import" not in html
    assert "url(http" not in html
    assert len(html) < 5_000_000


def test_links_lead_to_files_of_the_run(html, finished):
    files = [address for address in read(html).addresses if not address.startswith(("#", "data:", "https://doi.org/"))]
    assert "metrics.parquet" in files
    assert all((finished / file).is_file() for file in files)


def test_the_page_opens_with_the_verdicts(html, finished):
    verdicts = RunFolder.open(finished).json("verdicts")
    assert html.index('id="findings"') < html.index(page.headline(verdicts)) < html.index('id="results"')
    for verdict in verdicts:
        assert verdict["sentence"].partition(": ")[2][1:] in html


def test_an_empty_run_says_of_every_piece_that_it_is_absent(tmp_path):
    report = page.write_run(tmp_path)
    html = report.read_text(encoding="utf-8")
    assert html.count("Not in this run") == len(FIGURES) + 4  # verdicts, results tables, configuration, provenance
    assert "the embeddings were brought" in html
    assert "<figure" not in html


def test_labels_are_escaped(spoilt):
    evil = '<script>alert("$x$")</script>'
    for name in ("metrics", "differences", "permutations", "predictions/cell_type"):
        frame = pd.read_parquet(spoilt / f"{name}.parquet")
        frame["model"] = frame["model"].str.replace("graph model, function", f"graph model, {evil}", regex=False)
        artifacts.write_parquet(frame, spoilt / f"{name}.parquet")
    funnel = pd.read_parquet(spoilt / "tables/funnel.parquet")
    artifacts.write_parquet(funnel.assign(reason=evil), spoilt / "tables/funnel.parquet")
    artifacts.write_json(
        [{"task": "layer", "about": "function", "finding": "adds", "sentence": f"layer: {evil}"}], spoilt / "verdicts.json"
    )
    artifacts.write_text(evil, spoilt / "config.toml")
    html = page.write_run(spoilt).read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;") > 10


def test_the_headline_counts_what_function_adds():
    def verdict(task, finding, claim, about="function"):
        return {"task": task, "about": about, "finding": finding, "p_value": None, "sentence": f"{task}: {claim}: +0.1."}

    verdicts = [
        verdict("layer", "adds", "function adds to the prediction"),
        verdict("depth", "harms", "what neurons do makes the prediction worse"),
        verdict("connectivity", "adds", "the form of the graph, whatever its function, adds to the prediction", "structure"),
    ]
    assert page.headline(verdicts) == (
        "Function adds to the prediction in 1 of 2 comparisons (layer); the best model without it is better in 1 (depth)."
    )
    assert page.headline(verdicts[2:]) == "What was tested adds to the prediction in 1 of 1 comparisons (connectivity)."
    assert "no verdicts" in page.headline([])


def test_the_funnel_sentence_holds_what_is_left(small_cortex):
    text = page.funnel_sentence(small_cortex.funnel, small_cortex.units)
    assert f"{len(small_cortex.units):,} of " in text
    assert f"{(small_cortex.synapses['materialization'] == 661).sum():,} of 40,033 pairs of synapses 661" in text


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such run folder. Give the folder that `graphtwin run --out` wrote"):
        page.write_run(tmp_path / "nowhere")


def test_a_crash_leaves_the_old_report(finished, monkeypatch):
    before = (finished / "report.html").read_bytes()
    monkeypatch.setattr("graphtwin.artifacts.os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        artifacts.write_text("half", finished / "report.html")
    assert (finished / "report.html").read_bytes() == before


def test_a_page_calls_axes_as_the_source_does_and_none_depth_that_is_not(spoilt, html):
    named = {"depth": "dorsoventral", "x": "left-right", "z": "anteroposterior"}
    for name, column in (("metrics", "task"), ("differences", "task"), ("permutations", "task"), ("predictions/position", "target")):
        frame = pd.read_parquet(spoilt / f"{name}.parquet")
        frame[column] = frame[column].replace(named)
        artifacts.write_parquet(frame[frame[column] != "lateral"] if column == "task" else frame, spoilt / f"{name}.parquet")
    text = (spoilt / "verdicts.json").read_text(encoding="utf-8").replace("depth", "dorsoventral")
    (spoilt / "verdicts.json").write_text(text, encoding="utf-8")
    artifacts.write_parquet(pd.DataFrame({"axis": [named["x"], named["depth"], named["z"]]}), spoilt / "tables" / "axes.parquet")
    (spoilt / "tables" / "funnel.parquet").unlink()
    page.write_run(spoilt)
    written = (spoilt / "report.html").read_text(encoding="utf-8")
    assert "depth" not in re.sub(r"<pre>.*?</pre>", "", written, flags=re.DOTALL).lower()
    assert "<caption>Position along dorsoventral</caption>" in written
    assert "misses position along dorsoventral by" in written
    assert "Position along left-right: predicted against true" not in written  # an axis without a score has no figure
    assert "misses depth by" in html


def test_no_title_of_a_panel_is_cut_at_the_edge_of_its_figure(finished, tmp_path, monkeypatch):
    differences = pd.read_parquet(finished / "differences.parquet")
    longest = "graph model, function + scan + synapses - scan alone"  # labels as long as those of a whole run leave the axis little room
    artifacts.write_parquet(differences.assign(model=longest), tmp_path / "differences.parquet")
    cut = []

    def save(figure: Figure, out: io.StringIO, **more: object) -> None:
        titles = [title for axes in figure.axes for title in (axes.title, axes._left_title, axes._right_title) if title.get_text()]
        ends = [(title.get_text(), title.get_window_extent()) for title in titles]
        cut.extend(text for text, extent in ends if extent.x0 < -1 or extent.x1 > figure.bbox.x1 + 1)
        drawn(figure, out, **more)

    drawn = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", save)
    assert isinstance(verdict_figures.draw_differences(RunFolder.open(tmp_path)), Drawn)
    assert cut == []
