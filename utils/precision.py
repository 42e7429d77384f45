"""The precision of a run, as the options name it."""

PRECISION_NAMES = ("auto", "fp32", "bf16", "fp64")
BFLOAT16_SINCE = 8  # compute capability; older GPUs only emulate it


def pick_precision(name: str, gpu: int, no_cuda: bool) -> str:
    """The name in `utils.device.PRECISIONS` for one of `PRECISION_NAMES`: auto is bf16 on a GPU that has it."""
    if name != "auto":
        return name
    if no_cuda:
        return "fp32"
    import torch  # only needed to look at the GPU

    on_gpu = torch.cuda.is_available() and gpu < torch.cuda.device_count()
    return "bf16" if on_gpu and torch.cuda.get_device_capability(gpu)[0] >= BFLOAT16_SINCE else "fp32"
