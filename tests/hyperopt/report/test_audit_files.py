"""Files of the user, beside those that an audit writes."""

import pytest


@pytest.mark.parametrize(
    ("flag", "name", "why"),
    [
        ("--audit", "mine.csv", "this program has not written it"),
        ("--audit", "mine.json", "this program has not written it"),
        ("--runs-csv", "mine.csv", "this program has not written it"),
        ("--export-clean", "mine.txt", "nothing is overwritten"),
        ("--probabilities", "mine.npy", "nothing is overwritten"),
    ],
)
def test_file_of_the_user_is_not_replaced(call, tmp_path, flag, name, why):
    path = tmp_path / name
    path.write_text("file,label\nmine.png,cat\n")
    status, _, err = call("get-results", flag, path)
    assert (status, why in err) == (2, True), err
    assert path.read_text() == "file,label\nmine.png,cat\n"
