"""CITATION.cff and docs/licences.md against the tables of methods, data sets and policies.

The former is read as plain text: no reader of YAML is among the requirements.
"""

import re

from conftest import ROOT

from custom_datasets.names import BUILT_IN
from custom_transforms.published import PUBLISHED, TABLES
from hyperopt.options.methods import METHODS

CITATION = (ROOT / "CITATION.cff").read_text()


def test_the_program_is_cited_with_its_licence():
    entries = dict(re.findall(r"^([a-z-]+): \"?(.*?)\"?$", CITATION, re.MULTILINE))
    assert entries["cff-version"] == "1.2.0"
    assert entries["title"] == (ROOT / "README.md").read_text().splitlines()[0].removeprefix("# ")
    assert (ROOT / "LICENSE").read_text().startswith(f"{entries['license']} License")


def test_the_papers_are_those_of_the_methods():
    """Identifier, year, place and first author, once each and in a reference of their own."""
    references = CITATION.split("\n  - type: ")[1:]
    cited = {re.search(r"arXiv:(\d{4}\.\d{5})", reference)[1]: reference for reference in references}
    assert len(references) == len(METHODS)
    for method in METHODS.values():
        author, place, year, paper = re.fullmatch(
            r"(\w+)(?: et al\.| and \w+), (\w+) (\d{4}), arXiv (.*)", method.source
        ).groups()
        reference = cited.pop(paper)
        assert re.search(r"family-names: (\w+)", reference)[1] == author
        assert re.search(r"^    year: (\d+)$", reference, re.MULTILINE)[1] == year
        assert f"({place})" in reference
        assert f'url: "https://arxiv.org/abs/{paper}"' in reference
    assert cited == {}


def test_the_file_has_no_tabs_and_even_indents():
    """What breaks such a file most often."""
    lines = CITATION.splitlines()
    assert "\t" not in CITATION
    assert all((len(line) - len(line.lstrip())) % 2 == 0 for line in lines)
    assert all(re.match(r" *(- )?(\{.*\}|[\w-]+:( .+)?)$", line) for line in lines)


def test_the_page_of_licences_has_every_data_set_method_and_published_table():
    page = (ROOT / "docs/licences.md").read_text()
    first = [line.split(" | ")[0].lower() for line in page.splitlines() if line.startswith("| ")]
    named = " ".join(first).replace("-", "").replace(" ", "")
    assert [name for name in BUILT_IN if name.lower() not in named] == []
    assert [paper for method in METHODS.values() if (paper := method.source.split("arXiv ")[1]) not in page] == []
    assert [name for name in PUBLISHED if not any(line.startswith(f"| {name.lower()}") for line in first)] == []
    makers = {path.name.rpartition("_")[0] for path in TABLES.iterdir()}
    assert makers == {"dada", "fast_autoaugment"}
    assert all(f"custom_transforms/published/{maker}_" in page for maker in makers)
