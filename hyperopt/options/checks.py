"""Refuses flags that contradict each other."""

from custom_models.names import LINEAR
from custom_transforms.copy_amounts import COPY_NAMES, MEANING, is_amount_of
from custom_transforms.names import MAGNITUDES, split_numbers
from hyperopt.estimators.table import ESTIMATORS, find_estimator
from hyperopt.options.augmenter import MOVED_BY_ESTIMATORS, check_augmenter
from hyperopt.options.run_options import OF_SCHEDULE, RunOptions
from hyperopt.options.setting import HYPER_OPTIONS, LOSS_LETTERS, Setting
from hyperopt.rows.letters import CONFIDENCE, LETTERS, RANK, in_words
from utils.errors import UserError
from utils.flags import as_flag

LONGEST_NAME = 255  # letters of a file's name


def check_setting(setting: Setting) -> None:
    """Raise UserError for flags of a setting, its recipe filled in, that contradict each other."""
    if setting.refit:
        _check_refit(setting)
    if setting.background != Setting.background and setting.public:
        raise UserError(f"--background is for your own data; {setting.dataset} has no transparent pictures")
    if setting.labels and setting.noise_ratio > 0:
        raise UserError("-nr makes wrong labels, and --labels gives labels that are used as they are; leave one out")
    if setting.labels and setting.oversplit:
        raise UserError("--oversplit would show the data set's own labels beside --labels; leave one out")
    for name in ("image_size", "skip_damaged"):
        if setting.public and getattr(setting, name):
            raise UserError(f"{as_flag(name)} is for your own pictures; leave it out for {setting.dataset}")
    if setting.model == LINEAR and (setting.init or setting.freeze_encoder):
        given = "--init" if setting.init else "--freeze-encoder"
        raise UserError(f"{given} is of an encoder, which --model {LINEAR} does not have; leave it out")
    if setting.freeze_encoder and not setting.init:
        raise UserError("--freeze-encoder without --init would keep random weights; add --init FILE")
    _check_policy(setting)
    _check_amount(setting.aug_model, setting.amount)
    _check_estimator(setting)
    if setting.train_on != "distorted" and setting.oversplit:
        raise UserError(f"--train-on {setting.train_on} is a control with a validation split; leave out --oversplit")
    if setting.valid_images and setting.oversplit:
        given = f" {setting.valid_images} of --recipe {setting.recipe}" if setting.defaults.valid_images else ""
        raise UserError(f"--valid-images{given} needs a validation split, which --oversplit leaves out")
    if setting.overfit and setting.oversplit:
        raise UserError("--overfit and --oversplit exclude each other")
    if setting.overfit and not setting.estimator_class.hyper_options:
        raise UserError("--overfit estimates hyperparameters and needs --hyper-opt HES, FIS or UNR")
    _check_order(setting)
    _check_starting_rows(setting)
    check_augmenter(setting)


def _check_policy(setting: Setting) -> None:
    if setting.policy and setting.aug_model not in ("AUTO", "DADA"):
        raise UserError("--policy names a published policy and needs --aug-model AUTO or DADA")
    if setting.aug_model not in MAGNITUDES:
        if setting.rand not in (None, setting.defaults.rand):
            raise UserError(f"--rand has no effect on --aug-model {setting.aug_model}; change one of them")
        return
    _, magnitude = split_numbers(setting.rand)
    if magnitude > MAGNITUDES[setting.aug_model]:
        raise UserError(
            f"--aug-model {setting.aug_model} has magnitudes up to {MAGNITUDES[setting.aug_model]}, "
            f"so that --rand {setting.rand} is too high; lower its second number"
        )


def _check_amount(aug_model: str, amount: str | None) -> None:
    if amount is None:
        return
    if aug_model not in COPY_NAMES:
        raise UserError(f"--amount has no effect on --aug-model {aug_model}; change one of them")
    if not is_amount_of(aug_model, amount):
        raise UserError(f"--amount {amount} is none of --aug-model {aug_model}; give {MEANING[aug_model]}")


def _check_estimator(setting: Setting) -> None:
    estimator, name = setting.estimator_class, setting.hyper_opt
    if name != "NONE" and set(estimator.fills or setting.row_parts).isdisjoint(setting.row_parts):
        raise UserError(f"--hyper-opt {name} has nothing to learn; add {_models(estimator.fills)}")
    # Except --hyper-start, which the commands of a whole table have, also for settings without an estimator.
    for option in HYPER_OPTIONS[1:]:
        idle = option not in estimator.hyper_options
        if idle and getattr(setting, option) not in (None, getattr(setting.defaults, option)):
            raise UserError(f"{as_flag(option)} has no effect on --hyper-opt {name}; change one of them")
    if setting.train_on not in estimator.trains_on:
        raise UserError(f"--train-on {setting.train_on} is a control for --hyper-opt NONE with a validation split")
    estimator.check(setting)


def _models(fills: str) -> str:
    """The flags that give rows a part that an estimator fills."""
    losses = [name for name, letters in LOSS_LETTERS.items() if set(letters) & set(fills)]
    found = [f"--aug-model {'|'.join(MOVED_BY_ESTIMATORS)}"] if "A" in fills else []
    found += [f"--los-model {'|'.join(losses)}"] if losses else []
    return " or ".join(found + (["--augmented"] if RANK in fills else []))


def _check_refit(setting: Setting) -> None:
    for name in ("train_on", "rows", "oversplit", "overfit"):
        if getattr(setting, name) != getattr(Setting, name):
            raise UserError(
                f"--refit learns rows on the validation images and then trains on them; leave out {as_flag(name)}"
            )
    if not setting.estimator_class.refits:
        raise UserError("--refit learns rows first; add --hyper-opt HES, FIS, UNR or GMM")


def _check_order(setting: Setting) -> None:
    """Refuse an order of images without an effect, and --augmented without an order or without an augmentation."""
    if not setting.augmented:
        if RANK in (setting.rows_use or ""):
            raise UserError("--rows-use R is an order of images, which has an effect with --augmented; add it")
        return
    for name in ("refit", "oversplit"):
        if getattr(setting, name):
            raise UserError(f"--augmented and {as_flag(name)} exclude each other; leave out one of them")
    if setting.train_on == "valid":
        raise UserError("--augmented is of distorted images, which --train-on valid leaves out")
    if not setting.augments:
        raise UserError("--augmented chooses images to be augmented; add --aug-model or --cutout")
    orders = RANK in setting.estimator_class.fills
    if orders and setting.rows:
        raise UserError(f"--hyper-opt {setting.hyper_opt} orders the images of --augmented itself; leave out --rows")
    taken_over = setting.rows_use or ("" if setting.estimator_class.reads else RANK)
    if not orders and not (setting.rows and RANK in taken_over):
        estimators = [name for name in ESTIMATORS if RANK in find_estimator(name).fills]
        other = f", or --hyper-opt {'|'.join(estimators)}" if estimators else ""
        raise UserError(f"--augmented needs an order of the images; add --rows RUN --rows-use R{other}")


def _check_starting_rows(setting: Setting) -> None:
    given = "--refit" if setting.refit else "--rows"
    if setting.rows_use and not (setting.rows or setting.refit):
        raise UserError("--rows-use picks parts of learned rows; add --rows or --refit")
    if (setting.rows or setting.refit) and not setting.has_rows:
        fills = "".join(letter for letter in LETTERS if setting.rows or letter != RANK)
        raise UserError(f"{given} needs rows to fill; add {_models(fills)}")
    if setting.rows and not setting.table_parts:
        raise UserError(f"--hyper-opt {setting.hyper_opt} fills its rows anew for every view; leave out --rows")
    for letter in setting.rows_use or "":
        needed = _part_of(letter)
        if needed not in setting.row_parts:
            raise UserError(
                f"{given} cannot take over {letter}: --aug-model {setting.aug_model} --los-model {setting.los_model} "
                f"have no {in_words(needed)}; change them or --rows-use"
            )
        if setting.rows and needed not in setting.table_parts:
            raise UserError(
                f"--rows cannot take over {letter}: --hyper-opt {setting.hyper_opt} fills the {in_words(needed)} anew "
                "for every view; change --rows-use"
            )
    if setting.rows and setting.train_on == "valid":
        raise UserError("--rows is of distorted images, which --train-on valid leaves out")


def _check_taken_over(options: RunOptions) -> None:
    """Refuse a refit with columns that its first run does not learn; there are such runs of earlier versions."""
    for letter in options.rows_use or "" if options.refit else "":
        if _part_of(letter) not in options.filled_parts:
            raise UserError(
                f"--refit cannot take over {letter}: --hyper-opt {options.hyper_opt} does not fill the "
                f"{in_words(letter)}; change --rows-use"
            )


def _part_of(letter: str) -> str:
    """The part of a row that a column of a rows file fills, by their letters."""
    return "W" if letter == CONFIDENCE else letter


def _check_schedule(options: RunOptions) -> None:
    schedule = options.lr_schedule
    if schedule == "warm-multiplier" and not options.lr_warm_epochs:
        raise UserError("--lr-schedule warm-multiplier is a warm-up, which --lr-warm-epochs 0 leaves out; change one")
    if schedule != "warm-multiplier":
        for name in OF_SCHEDULE["warm-multiplier"]:  # but not those of steps, which the published commands have
            if getattr(options, name) != getattr(RunOptions, name):
                raise UserError(f"{as_flag(name)} has no effect on --lr-schedule {schedule}; change one of them")


def check_run(options: RunOptions) -> None:
    """Raise UserError for flags of a run, its recipe filled in, that contradict each other."""
    check_setting(options)
    options.estimator_class.check_run(options)
    _check_taken_over(options)
    if options.estimator_class.hyper_options and options.hyper_start >= options.epochs:
        raise UserError(
            f"--hyper-start {options.hyper_start} leaves no hypergradient in {options.epochs} epochs; lower it"
        )
    _check_schedule(options)
    written = (f"predictions_{options.name}.npz.1234567.part", f"{options.run_folder}_{options.name}_{'date':19}")
    if max(map(len, written)) > LONGEST_NAME:
        shorten = "give the file of --rows a shorter name" if options.rows else "leave out or shorten some flags"
        raise UserError(f"the run's name has {len(options.name)} letters, which is too long for its files; {shorten}")
