"""Refusals before any file is read: data, networks and policies that do not exist.

Only for a network of torchvision torch is imported.
"""

from custom_datasets.names import refuse_unknown
from custom_datasets.own.kind import holds_features
from custom_datasets.own.parts import lacks_test
from custom_models.names import LINEAR, TORCHVISION, parse_model
from custom_transforms.published import PUBLISHED, read_table
from hyperopt.options.of_pixels import OF_FILES, OF_VIEWS, refuse_views
from hyperopt.options.run_options import RunOptions
from utils.errors import UserError
from utils.runs.owner import refuse_other_owner


def refuse_unfit(options: RunOptions) -> None:
    """Raise UserError for mistakes that show in the names alone."""
    refuse_unknown(options.dataset, options.folder)
    kind, sizes = parse_model(options.model)
    if kind == TORCHVISION:
        from custom_models.torchvision_encoder import refuse_unknown_network  # imports torch

        refuse_unknown_network(**sizes)
    refuse_other_kind(options)
    if options.aug_model in PUBLISHED:
        read_table(options.aug_model, options.policy or options.dataset)
    refuse_training_on_test(options)
    if not options.public:
        refuse_other_owner(options.runs_folder, options.folder)


def refuse_other_kind(options: RunOptions) -> None:
    """Raise UserError for a network or other options that are not for what the data hold: pictures, or features."""
    features = not options.public and holds_features(options.folder)
    if features:
        what = f"{options.dataset} holds features"
        if options.model != LINEAR:
            usual = f" of --recipe {options.recipe}" if options.model == options.defaults.model else ""
            raise UserError(
                f"--model {options.model}{usual} is for pictures, and {what}; add --recipe features or --model {LINEAR}"
            )
        refuse_views(options, what, OF_VIEWS | OF_FILES)
        if options.precision == "bf16":
            raise UserError(f"--precision bf16 is of an encoder, and {what}, which are never mixed; leave it out")
    elif options.model == LINEAR:
        raise UserError(
            f"--model {LINEAR} is for features, and {options.dataset} holds pictures; take another --model or --recipe"
        )
    elif options.freeze_encoder:
        refuse_views(options, "--freeze-encoder trains on features that are computed once")


def refuse_training_on_test(options: RunOptions) -> None:
    """Raise UserError when own data has no test set and the run trains on the validation set, which takes its place.

    Then --overfit is refused as well, which would show the test set to the hyper pass.
    """
    if options.public or not (options.sees_valid or options.overfit):
        return
    folder = options.folder
    if lacks_test(folder) and options.overfit:
        raise UserError(f"{folder} has no test/, which --overfit is about; add test/, or leave --overfit out")
    if lacks_test(folder):
        raise UserError(f"{folder} has no test/, and the validation images in its place would be trained on; add test/")
