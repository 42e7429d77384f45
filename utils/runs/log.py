"""The TensorBoard log of a run."""

import os
import socket
import time
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch import Tensor
from torch.utils.tensorboard.summary import histogram, image, scalar, text

from utils.files import naming

FORMAT = "brain.Event:2"
BINS = 50  # of a histogram


class Log:
    """An event file that is written at once, in this thread.

    torch's SummaryWriter leaves the writing to a thread, whose failures are tracebacks that name no file. And its file
    names, by which TensorBoard orders them, count whole seconds: too coarse for a run that goes on within a second.

    Args:
        folder: of the run's event files.
        void_from: from this epoch on, the entries of earlier files are void.

    Raises:
        OSError: with the file or folder, as `add` does.

    """

    def __init__(self, folder: Path, void_from: int):
        folder.mkdir(parents=True, exist_ok=True)
        seconds, rest = divmod(time.time_ns(), 10**9)
        name = f"events.out.tfevents.{seconds:010d}.{rest:09d}.{socket.gethostname()}.{os.getpid()}"
        self.path = folder / name
        self._file = self.path.open("xb")
        self._records = RecordWriter(self._file)
        self._write(Event(file_version=FORMAT))
        self._write(Event(step=void_from, session_log=SessionLog(status=SessionLog.START)))

    def add(
        self, epoch: int, scalars: dict[str, float], tensors: dict[str, Tensor], pictures: dict[str, Tensor]
    ) -> None:
        """Write an epoch's entries by tag, as one record: a tensor as a histogram, pictures (C, H, W) in 0..1."""
        parts = [scalar(tag, value) for tag, value in scalars.items()]
        parts += [histogram(tag, values.float().cpu().numpy(), BINS) for tag, values in tensors.items()]
        parts += [image(tag, pixels.cpu(), dataformats="CHW") for tag, pixels in pictures.items()]
        self._write(Event(step=epoch, summary=Summary(value=[value for part in parts for value in part.value])))

    def add_table(self, tag: str, lines: dict[str, Any]) -> None:
        """Write a table of two columns, as Markdown, before the first epoch."""
        body = "\n".join(f"| {name} | {value} |" for name, value in lines.items())
        body = body.encode(errors="backslashreplace").decode()  # file names may have any bytes
        self._write(Event(step=0, summary=text(tag, f"| | |\n|---|---|\n{body}")))

    def close(self) -> None:
        """Close the file."""
        with naming(self.path):
            self._file.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        with naming(self.path):
            self._records.write(event.SerializeToString())
            self._records.flush()
            os.fsync(self._file.fileno())
