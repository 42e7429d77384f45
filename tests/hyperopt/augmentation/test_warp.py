"""The learned warp against PIL, closed forms and finite differences."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from hyperopt.augmentation.warp import (
    RANGES,
    PaperWarp,
    affine_matrices,
    invert_affine,
    sample_affine,
)

SIDE = 32
warp_paper = PaperWarp()


def amounts(**nominal):
    """A row of amounts from nominal values: degrees, shares of the side, shear factors, scale minus one."""
    return torch.tensor([[nominal.get(name, 0.0) / limit for name, limit in RANGES.items()]], dtype=torch.float64)


def blob(x, y, side=SIDE):
    """A smooth picture (1, 1, side, side) of one spot, its centre at (x, y) pixels from the picture's centre."""
    at = torch.arange(side, dtype=torch.float64) + 0.5 - side / 2
    return torch.exp(-((at[None, :] - x) ** 2 + (at[:, None] - y) ** 2) / 6)[None, None]


def centroid(picture):
    side = picture.shape[-1]
    at = torch.arange(side, dtype=torch.float64) + 0.5 - side / 2
    picture = picture[0, 0] / picture.sum()
    return (picture.sum(0) @ at).item(), (picture.sum(1) @ at).item()


def test_nothing_is_moved_by_zero_amounts():
    images = torch.rand(3, 2, 8, 11)
    torch.testing.assert_close(warp_paper(images, torch.zeros(3, 7)), images, atol=1e-5, rtol=0)


def test_quarter_turn_is_anticlockwise_about_the_centre():
    images = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    turned = warp_paper(images, amounts(rotate=90))
    torch.testing.assert_close(turned, torch.rot90(images, 1, (2, 3)))


def test_translation_covers_its_share_of_the_side():
    images = torch.rand(1, 1, 8, 20, dtype=torch.float64)
    right = warp_paper(images, amounts(translate_x=3 / 20))
    torch.testing.assert_close(right[..., 3:], images[..., :-3])
    torch.testing.assert_close(right[..., :3], images[..., :1].expand(-1, -1, -1, 3))  # border padding
    down = warp_paper(images, amounts(translate_y=2 / 8))
    torch.testing.assert_close(down[:, :, 2:], images[:, :, :-2])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rotate", 30, (3 * math.cos(math.pi / 6) + 1 * math.sin(math.pi / 6), math.cos(math.pi / 6) - 1.5)),
        ("translate_x", 1 / 16, (5, 1)),
        ("translate_y", -1 / 16, (3, -1)),
        ("shear_x", 0.5, (3.5, 1)),
        ("shear_y", 0.5, (3, 2.5)),
        ("scale_x", 0.3, (3.9, 1)),
        ("scale_y", 0.4, (3, 1.4)),
    ],
)
def test_each_operation_moves_a_spot_as_its_definition_says(name, value, expected):
    spot = centroid(warp_paper(blob(3, 1), amounts(**{name: value})))
    assert spot == pytest.approx(expected, abs=0.05)


def test_composition_is_shear_after_translation_after_rotation_and_scale():
    parts = {
        "rotate": 20,
        "translate_x": 0.1,
        "shear_x": 0.2,
        "shear_y": -0.1,
        "scale_x": 0.3,
        "scale_y": -0.2,
    }

    def square(**chosen):
        matrix = torch.eye(3, dtype=torch.float64)
        matrix[:2] = affine_matrices(amounts(**chosen), SIDE, SIDE)[0]
        return matrix

    shear = square(shear_x=0.2) @ square(shear_y=-0.1)
    expected = shear @ square(translate_x=0.1) @ square(rotate=20) @ square(scale_x=0.3, scale_y=-0.2)
    torch.testing.assert_close(square(**parts), expected)


def test_inverse_is_the_dense_one():
    matrices = affine_matrices(torch.randn(50, 7, dtype=torch.float64), 8, 12)
    last = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(50, 1, 3)
    dense = torch.linalg.inv(torch.cat((matrices, last), 1))[:, :2]
    torch.testing.assert_close(invert_affine(matrices), dense, rtol=1e-7, atol=1e-7)


def test_sampling_agrees_with_pil_inside_the_picture():
    random = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 24, 24, generator=random)
    matrices = affine_matrices(0.3 * torch.randn(6, 7, generator=random), 24, 24)
    warped = sample_affine(images, matrices)
    for image, matrix, result in zip(images, matrices, warped, strict=True):
        a, b, c, d, e, f = invert_affine(matrix[None])[0].flatten().tolist()
        # PIL's coordinates have their origin in the corner.
        shift_x, shift_y = c + 12 - 12 * a - 12 * b, f + 12 - 12 * d - 12 * e
        pil = Image.fromarray(image[0].numpy())
        pil = pil.transform((24, 24), Image.Transform.AFFINE, (a, b, shift_x, d, e, shift_y), Image.Resampling.BILINEAR)
        ys, xs = np.mgrid[0:24, 0:24] + 0.5
        source_x, source_y = a * xs + b * ys + shift_x, d * xs + e * ys + shift_y
        inside = (source_x > 0.6) & (source_x < 23.4) & (source_y > 0.6) & (source_y < 23.4)
        assert inside.sum() > 100
        assert np.abs(np.asarray(pil) - result[0].numpy())[inside].max() < 1e-4


def test_gradient_is_finite_where_a_scale_vanishes():
    row = amounts(scale_x=-1.0).requires_grad_()
    warp_paper(blob(0, 0), row).sum().backward()
    assert torch.isfinite(row.grad).all()


def test_amounts_that_are_not_numbers_do_not_crash_the_sampling():
    images = torch.rand(3, 1, 8, 8)
    for bad in (float("nan"), float("inf"), 1e30):
        assert warp_paper(images, torch.full((3, 7), bad)).shape == images.shape
