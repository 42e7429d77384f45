"""`--plot-debug`: the first training batches as pictures."""

from pathlib import Path

from torch import Tensor
from torchvision.utils import save_image

from utils.share import Share

BATCHES = 3
IMAGES = 64


class BatchPictures:
    """Writes the first batches into `folder`, before and after augmentation; without a folder it writes nothing."""

    def __init__(self, folder: Path | None):
        self.folder = folder
        self.shown = 0

    def add(self, before: Tensor, after: Tensor, share: Share) -> None:
        """Add a batch of normalised images (B, C, H, W), before and after augmentation; the leader writes them."""
        if self.folder is None or self.shown == BATCHES:
            return
        before, after = share.join_all((before, after))
        number, self.shown = self.shown, self.shown + 1
        if not share.group.leads:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        low, high = before.min().item(), before.max().item()
        for name, images in (("before", before), ("after", after)):
            path = self.folder / f"batch_{number}_{name}.png"
            save_image(images[:IMAGES], path, nrow=8, normalize=True, value_range=(low, high))
