"""The network of a finished run as one file that needs neither this program nor the data: torch.export or ONNX.

It takes uint8 pictures (B, C, H, W) of any size and number, scales and normalises them as evaluation does, and returns
logits (B, classes); `softmax` makes probabilities of them. A network of features takes float32 (B, D). The entry
`ABOUT` of the file, as JSON, has the names of the classes and what the network takes.
"""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hyperopt.report.own_files import FORMAT
from hyperopt.runs.trained_network import TrainedNetwork
from utils.errors import UserError, first_line
from utils.files import replace_file
from utils.runs.network_facts import FEATURES
from utils.seeds import generator

ABOUT = "network.json"  # torch.export: an extra file; ONNX: an entry of the metadata
INPUT, OUTPUT = "images", "logits"
LARGEST = 1e-4  # difference between the file and the network; of logits above 1, relative to the largest of a batch
PACKAGES = ("onnx", "onnxscript", "onnxruntime")  # for ONNX files

Call = Callable[[Tensor], Tensor]  # from a network's input to its logits


class Exported(nn.Module):
    """Scaling, normalisation and network in one: uint8 (B, C, H, W), or float32 (B, D), -> logits (B, classes)."""

    def __init__(self, network: TrainedNetwork):
        super().__init__()
        self.features = network.facts.kind == FEATURES
        self.scale, self.normalise = network.scale, network.normalise
        self.encoder, self.head = network.model.encoder, network.model.head

    def forward(self, images: Tensor) -> Tensor:
        """Logits; shapes as in the class's docstring."""
        stored = images[:, :, None, None] if self.features else self.scale(images)
        return self.head(self.encoder(self.normalise(stored)))


def export(network: TrainedNetwork, path: Path, about: dict[str, Any]) -> float:
    """Write the network, in float32, as `.pt2` or `.onnx`; returns its largest difference from the network (`LARGEST`).

    The file is compared with the network before it is kept.

    Args:
        network: in float32.
        path: of the file.
        about: plain values that are stored with the network, beside what it takes.

    Raises:
        UserError: when it cannot be exported, when a package is missing, or when it differs.

    """
    if path.suffix == ".onnx":
        _refuse_missing_packages()
    entry = json.dumps({"format": FORMAT, **about, **network.facts.stored(), "epoch": network.epoch})
    make = _onnx if path.suffix == ".onnx" else _torch
    try:
        with _quiet():
            content, call = make(_program(network), entry)
            difference = max(_difference(network, call, batch) for batch in sample_batches(network))
    except Exception as error:  # exporters can raise anything
        raise UserError(f"{network.facts.model} cannot be exported as {path.suffix} ({first_line(error)})") from error
    if not difference <= LARGEST:
        raise UserError(
            f"{path} is not kept: its logits differ from the network's by {difference:.2g}, more than {LARGEST:g}"
        )
    replace_file(path, content)
    return difference


def _refuse_missing_packages() -> None:
    missing = [name for name in PACKAGES if not find_spec(name)]
    if missing:
        raise UserError(f"{' and '.join(missing)} must be there for ONNX files: pip install {' '.join(PACKAGES)}")


def _program(network: TrainedNetwork) -> torch.export.ExportedProgram:
    """The exported program, for any number and size of images."""
    batch = torch.export.Dim("batch", min=1)
    sides = [torch.export.Dim(name, min=1, max=2**16) for name in ("height", "width")]
    free = {0: batch} if network.facts.kind == FEATURES else {0: batch, 2: sides[0], 3: sides[1]}
    return torch.export.export(Exported(network).eval(), (_example(network),), dynamic_shapes=(free,), strict=False)


def _example(network: TrainedNetwork) -> Tensor:
    """Three inputs of sizes that are not the network's, which the program would be limited to otherwise."""
    facts = network.facts
    return _random(network, 3, facts.height + 5, facts.width + 9)


def _torch(program: torch.export.ExportedProgram, entry: str) -> tuple[bytes, Call]:
    """The content of a `.pt2` file, and the network that is read from it."""
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={ABOUT: entry})
    file.seek(0)
    return file.getvalue(), torch.export.load(file).module()


def _onnx(program: torch.export.ExportedProgram, entry: str) -> tuple[bytes, Call]:
    """The content of an ONNX file, and the network that onnxruntime reads from it."""
    import onnxruntime

    model = torch.onnx.export(program, dynamo=True, input_names=[INPUT], output_names=[OUTPUT], verbose=False)
    assert model is not None
    model.model.metadata_props[ABOUT] = entry
    content = model.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return content, lambda images: torch.from_numpy(session.run(None, {INPUT: images.numpy()})[0])


def sample_batches(network: TrainedNetwork) -> Iterator[Tensor]:
    """Random inputs by which a file is compared with the network: one and eight, of its own and of other sizes."""
    height, width = network.facts.height, network.facts.width
    for number, (h, w) in ((1, (height, width)), (8, (height + 3, 2 * width + 5)), (1, (2 * height, width // 2 + 1))):
        yield _random(network, number, h, w)


def _random(network: TrainedNetwork, number: int, height: int, width: int) -> Tensor:
    facts, draws = network.facts, generator(0, "export")
    if facts.kind == FEATURES:
        noise = torch.randn(number, facts.channels, generator=draws)
        return noise * torch.tensor(facts.std) + torch.tensor(facts.mean)
    return torch.randint(256, (number, facts.channels, height, width), generator=draws, dtype=torch.uint8)


def _difference(network: TrainedNetwork, call: Call, images: Tensor) -> float:
    with torch.inference_mode():
        expected = network.logits(images)
        return float((call(images) - expected).abs().max() / expected.abs().max().clamp(min=1))


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings, logs and progress of the exporters."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
