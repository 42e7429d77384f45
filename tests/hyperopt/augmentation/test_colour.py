import colorsys

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from hyperopt.augmentation.colour import OPERATIONS, clipped, from_hsv, hue, jitter, to_hsv


def images(seed=0, size=8, dtype=torch.float64):
    return torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def odd_pixels():
    """Clamped, grey, black and white pixels, and all corners and edges of the cube of colours."""
    steps = torch.tensor([0, 0.25, 0.5, 1], dtype=torch.float64)
    cube = torch.cartesian_prod(steps, steps, steps)
    return torch.cat((cube, (1.7 * images(1)).clamp(max=1).permute(0, 2, 3, 1).reshape(-1, 3)))


def test_hsv_is_that_of_colorsys_and_leads_back():
    pixels = odd_pixels()
    found = to_hsv(pixels.T[None, :, None])
    expected = torch.tensor([colorsys.rgb_to_hsv(*pixel) for pixel in pixels.tolist()], dtype=torch.float64)
    torch.testing.assert_close(torch.stack(found, 3)[0, 0], expected, rtol=0, atol=1e-12)
    back = from_hsv(*found)[0, :, 0].T
    torch.testing.assert_close(back, pixels, rtol=0, atol=1e-12)
    single = from_hsv(*to_hsv(pixels.float().T[None, :, None]))[0, :, 0].T
    torch.testing.assert_close(single, pixels.float(), rtol=0, atol=1e-6)


def test_any_hue_leads_to_the_colour_of_colorsys():
    hsv = images(2)[0].flatten(1).T
    expected = torch.tensor([colorsys.hsv_to_rgb(*pixel) for pixel in hsv.tolist()], dtype=torch.float64)
    for turns in (-1, 0, 2):
        found = from_hsv(hsv[None, None, :, 0] + turns, hsv[None, None, :, 1], hsv[None, None, :, 2])
        torch.testing.assert_close(found[0, :, 0].T, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("amount", [-0.7, 0.0, 0.4, 0.9])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_factors_are_those_of_torchvision(name, amount):
    pictures = images(3, dtype=torch.float32)
    found = OPERATIONS[name](pictures, torch.full((3,), amount))
    expected = getattr(reference, f"adjust_{name}")(pictures, 1 + amount)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)  # torchvision's grey has shares 0.2989, 0.587, 0.114


def test_contrast_is_about_the_mean_grey_value():
    pictures = images(4)
    mean = torch.einsum("bchw,c->b", pictures, torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)) / 64
    expected = (mean[:, None, None, None] + 1.5 * (pictures - mean[:, None, None, None])).clamp(0, 1)
    found = OPERATIONS["contrast"](pictures, torch.full((3,), 0.5, dtype=torch.float64))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("amount", [-0.5, -0.2, 0.0, 1 / 3])
def test_hue_turns_as_in_torchvision(amount):
    pictures = odd_pixels().float().T[None, :, None]
    found = hue(pictures, torch.tensor([amount]))
    torch.testing.assert_close(found, reference.adjust_hue(pictures, amount), rtol=0, atol=1e-5)


def test_hue_takes_red_to_green():
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    torch.testing.assert_close(hue(red, torch.tensor([1 / 3])).flatten(), torch.tensor([0.0, 1, 0]), rtol=0, atol=1e-6)


def test_images_have_amounts_of_their_own_and_an_order():
    pictures, amounts = images(5), torch.rand(3, 4, generator=torch.Generator().manual_seed(6)).double() - 0.5
    whole = jitter(pictures, amounts, (2, 0, 3, 1))
    for place, image in enumerate(pictures):
        expected = image[None]
        for name in ("saturation", "brightness", "hue", "contrast"):
            expected = OPERATIONS[name](expected, amounts[place : place + 1, list(OPERATIONS).index(name)])
        torch.testing.assert_close(whole[place], expected[0])
    assert (whole - jitter(pictures, amounts, (0, 1, 2, 3))).abs().max() > 0.01
    torch.testing.assert_close(jitter(pictures, 0 * amounts, (3, 2, 1, 0)), pictures, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients(name):
    """Of images away from kinks, and of amounts."""
    pictures = (0.2 + 0.6 * images(7, size=3)).requires_grad_()
    amounts = torch.tensor([-0.1, 0.05, 0.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(OPERATIONS[name], (pictures, amounts))


def test_gradient_of_grey_and_clamped_pixels_is_small():
    """A denominator of 1e-7 would give slopes of 1e7."""
    pictures = torch.cat((torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)))
    pictures.requires_grad_()
    amounts = torch.full((3, 4), 0.1, requires_grad=True)
    weights = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(8))
    gradients = torch.autograd.grad((jitter(pictures, amounts, (3, 2, 1, 0)) * weights).sum(), (pictures, amounts))
    assert all(gradient.abs().max() < 100 for gradient in gradients)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_bounds_pass_gradients(name):
    """At the identity the slopes of black, saturated and pure pixels are those without any clamp."""
    pictures = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [1, 1, 0], [0.2, 1, 0.7]]).double().T[None, :, None]
    amounts = torch.zeros(1, dtype=torch.float64)
    grey = torch.einsum("bchw,c->bhw", pictures, torch.tensor([0.299, 0.587, 0.114]).double())[:, None]
    centre = {"brightness": 0, "contrast": grey.mean(), "saturation": grey}[name]
    found = torch.autograd.functional.jacobian(lambda amounts: OPERATIONS[name](pictures, amounts), amounts)
    torch.testing.assert_close(found[..., 0], pictures - centre, rtol=0, atol=1e-7)
    of_images = torch.autograd.functional.jacobian(lambda images: OPERATIONS[name](images, amounts), pictures)
    torch.testing.assert_close(of_images.reshape(15, 15), torch.eye(15, dtype=torch.float64), rtol=0, atol=1e-12)


def test_values_beyond_the_bounds_are_clamped_and_have_no_slope_but_for_rounding():
    values = torch.tensor([-7.3, -1e-4, -1e-7, 0, 0.3, 1, 1 + 1e-6, 1 + 1e-4, 2.7], requires_grad=True)
    found = clipped(values)
    assert torch.equal(found, values.clamp(0, 1))
    (slopes,) = torch.autograd.grad(found.sum(), values)
    assert slopes.tolist() == [0, 0, 1, 1, 1, 1, 1, 0, 0]


def test_pure_colours_turn_with_the_mean_of_the_slopes_on_both_sides():
    pictures = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]]).double()
    pictures = pictures.T[None, :, None]
    turned = lambda amount: hue(pictures, torch.full((1,), amount, dtype=torch.float64))  # noqa: E731
    expected = (turned(1e-5) - turned(-1e-5)) / 2e-5
    found = torch.autograd.functional.jacobian(lambda amounts: hue(pictures, amounts), torch.zeros(1).double())
    assert expected.abs().max() > 2
    torch.testing.assert_close(found[..., 0], expected, rtol=0, atol=1e-8)
