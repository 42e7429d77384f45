"""A process's share of the images of a batch, when several processes train a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from utils.group import ALONE, Group


@dataclass(frozen=True)
class Share:
    """Every n-th image of a batch, for n processes: of any two shares, one is at most one image longer.

    Images next to each other go to different processes, so that each has its part of what comes first in a batch.

    group: the processes. whole: number of images in the whole batch; not needed for a single process. first: place of
    the batch's first image in a larger batch, of which it is the rest.
    """

    group: Group = ALONE
    whole: int = 0
    first: int = 0

    @property
    def alone(self) -> bool:
        """Whether this process has the whole batch."""
        return self.group.size == 1

    def places(self, rank: int | None = None) -> slice:
        """The places of a process's images in the whole batch; of this process's by default."""
        rank = self.group.rank if rank is None else rank
        return slice((rank - self.first) % self.group.size, None, self.group.size)

    def among(self, count: int) -> int:
        """How many of the whole batch's first `count` images are this process's; they are its first ones."""
        return len(range(count)[self.places()])

    def cut(self, of_all: Tensor, axis: int = 0) -> Tensor:
        """What belongs to this process, of what there is for the whole batch; images are along `axis`."""
        if self.alone:
            return of_all
        return of_all[(slice(None),) * axis + (self.places(),)]

    def join(self, own: Tensor) -> Tensor:
        """The parts (b, ...) of all processes in the batch's order (B, ...); a graph goes on to this one's part."""
        (joined,) = self.join_all([own])
        return joined

    def join_all(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """The same for several tensors of the batch, of any types, which are sent as one message."""
        if self.alone:
            return list(parts)
        longest = -(-self.whole // self.group.size)
        rows = [_as_bytes(part.detach()) for part in parts]
        message = torch.cat(rows, 1)
        padded = message.new_zeros((longest, message.shape[1]))
        padded[: len(message)] = message
        whole = message.new_empty((self.whole, message.shape[1]))
        for rank, sent in enumerate(self.group.gather(padded)):
            places = self.places(rank)
            whole[places] = sent[: len(range(self.whole)[places])]
        columns = whole.split([row.shape[1] for row in rows], 1)
        return [self._like(part, column) for part, column in zip(parts, columns, strict=True)]

    def _like(self, own: Tensor, received: Tensor) -> Tensor:
        """A tensor of the whole batch from its bytes (B, n), with the graph of this process's part."""
        joined = received.contiguous().view(own.dtype).reshape(self.whole, *own.shape[1:])
        if not own.requires_grad:
            return joined
        place = torch.arange(self.whole, device=own.device)[self.places()]
        return joined.index_copy(0, place, own)

    def mean(self, values: Tensor) -> Tensor:
        """The part (scalar) that values (b,) have in the mean over the whole batch: all parts sum up to it."""
        return values.mean() if self.alone else values.sum() / self.whole

    def split(self, count: int) -> tuple[Share, Share]:
        """The shares of the batch's first `count` images, and of the others."""
        return replace(self, whole=count), replace(self, whole=self.whole - count, first=self.first + count)


def _as_bytes(part: Tensor) -> Tensor:
    """A tensor (b, ...) as its bytes (b, n); b may be 0."""
    flat = part.reshape(len(part), math.prod(part.shape[1:]))
    return flat.clone(memory_format=torch.contiguous_format).view(torch.uint8)


ALL = Share()  # of a single process
