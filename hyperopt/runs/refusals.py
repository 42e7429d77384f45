"""Refusals before any file is read or torch is imported: data, networks and policies that do not exist."""

from custom_datasets.names import refuse_unknown
from custom_datasets.own.parts import lacks_test
from custom_models.names import parse_model
from custom_transforms.published import PUBLISHED, read_table
from hyperopt.options.run_options import RunOptions
from utils.errors import UserError
from utils.runs.owner import refuse_other_owner


def refuse_unfit(options: RunOptions) -> None:
    """Raise UserError for mistakes that show in the names alone."""
    refuse_unknown(options.dataset, options.folder)
    parse_model(options.model)
    if options.aug_model in PUBLISHED:
        read_table(options.aug_model, options.policy or options.dataset)
    refuse_training_on_test(options)
    if not options.public:
        refuse_other_owner(options.runs_folder, options.folder)


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
