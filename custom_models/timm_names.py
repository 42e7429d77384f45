"""timm's names of the weights of networks that torchvision has under other names.

ResNets, DenseNets and VGGs have the same names in both.
"""

import re

Names = tuple[tuple[str, str], ...]  # patterns of timm's names, and what stands for them in torchvision's

LAYER = r"encoder.layers.encoder_layer_\1"
VISION_TRANSFORMER: Names = (
    (r"cls_token", "class_token"),
    (r"pos_embed", "encoder.pos_embedding"),
    (r"patch_embed\.proj\.(\w+)", r"conv_proj.\1"),
    (r"blocks\.(\d+)\.norm(\d)\.(\w+)", rf"{LAYER}.ln_\2.\3"),
    (r"blocks\.(\d+)\.attn\.qkv\.(\w+)", rf"{LAYER}.self_attention.in_proj_\2"),
    (r"blocks\.(\d+)\.attn\.proj\.(\w+)", rf"{LAYER}.self_attention.out_proj.\2"),
    (r"blocks\.(\d+)\.mlp\.fc1\.(\w+)", rf"{LAYER}.mlp.0.\2"),
    (r"blocks\.(\d+)\.mlp\.fc2\.(\w+)", rf"{LAYER}.mlp.3.\2"),
    (r"norm\.(\w+)", r"encoder.ln.\1"),
)
# A stage of ConvNeXt's blocks is torchvision's features 1, 3, 5, 7, and the reduction before it 2, 4, 6.
CONVNEXT: Names = (
    (r"stem\.(\d)\.(\w+)", r"features.0.\1.\2"),
    (r"head\.norm\.(\w+)", r"classifier.0.\1"),
    *(
        line
        for stage in range(4)
        for line in (
            (rf"stages\.{stage}\.downsample\.(\d)\.(\w+)", rf"features.{2 * stage}.\1.\2"),
            (rf"stages\.{stage}\.blocks\.(\d+)\.conv_dw\.(\w+)", rf"features.{2 * stage + 1}.\1.block.0.\2"),
            (rf"stages\.{stage}\.blocks\.(\d+)\.norm\.(\w+)", rf"features.{2 * stage + 1}.\1.block.2.\2"),
            (rf"stages\.{stage}\.blocks\.(\d+)\.mlp\.fc1\.(\w+)", rf"features.{2 * stage + 1}.\1.block.3.\2"),
            (rf"stages\.{stage}\.blocks\.(\d+)\.mlp\.fc2\.(\w+)", rf"features.{2 * stage + 1}.\1.block.5.\2"),
            (rf"stages\.{stage}\.blocks\.(\d+)\.gamma", rf"features.{2 * stage + 1}.\1.layer_scale"),
        )
    ),
)


def renamed(name: str, names: Names) -> str:
    """Torchvision's name for one of timm's; the same one if it is none."""
    for pattern, replacement in names:
        if found := re.fullmatch(pattern, name):
            return found.expand(replacement)
    return name
