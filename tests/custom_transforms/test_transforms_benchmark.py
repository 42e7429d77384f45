import json

import torch

from benchmarks import transforms


def test_the_benchmark_prints_a_table_and_writes_its_numbers(tmp_path, monkeypatch, capsys):
    output = tmp_path / "numbers.json"
    monkeypatch.setattr("sys.argv", ["transforms", "--batch", "8", "--rounds", "2", "--output", str(output)])
    transforms.main()
    result, printed = json.loads(output.read_text()), capsys.readouterr().out
    assert result["machine"]["torch threads"] == torch.get_num_threads()
    for side, rate in result["images_per_second"].items():
        assert side in printed
        assert 0 < rate["lower quartile"] <= rate["median"] <= rate["upper quartile"]
