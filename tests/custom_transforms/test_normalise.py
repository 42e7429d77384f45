import torch
from torchvision.transforms.functional import convert_image_dtype, normalize

from custom_transforms.normalise import Normalise


def test_agrees_with_torchvision():
    images = torch.randint(256, (5, 3, 6, 7), dtype=torch.uint8)
    mean, std = (0.44, 0.45, 0.47), (0.2, 0.21, 0.19)
    ours = Normalise(mean, std, torch.device("cpu"))(images)
    torch.testing.assert_close(ours, normalize(convert_image_dtype(images), mean, std), rtol=1e-5, atol=1e-6)
