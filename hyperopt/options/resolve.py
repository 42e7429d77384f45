"""From the command line to resolved options, in which every default is filled in."""

import argparse
import dataclasses
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from custom_datasets.names import BUILT_IN, WHOLE
from hyperopt.estimators.table import ESTIMATORS, estimator_of_flag, find_estimator
from hyperopt.options.augmentations import AUG_HELP
from hyperopt.options.augmenter import augmenter_options, with_flags
from hyperopt.options.checks import check_run, check_setting
from hyperopt.options.methods import METHODS
from hyperopt.options.own_recipe import recipe_for
from hyperopt.options.places import find_place
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import Setting
from utils.errors import UserError
from utils.flags import Parser, add_flags, flag_fields, make_parser
from utils.runs.files import run_number

Options = TypeVar("Options", bound=Setting)


def parse_options(kind: type[Options], description: str, arguments: Sequence[str] | None = None) -> Options:
    """The unresolved options of the command line (or `arguments`). Exits with status 2 after a mistake.

    The method, the estimator and the augmentation are read first, since a method presets flags and the others have
    flags of their own.

    Raises:
        UserError: for a flag that another estimator or augmentation has.

    """
    presets, hyper_opt, aug_model = _read_first(kind, arguments)
    parser = options_parser(kind, description, hyper_opt, aug_model)
    parser.set_defaults(**presets)
    found, unknown = parser.parse_known_args(arguments)
    flags = [argument.split("=")[0] for argument in unknown if re.match("--?[a-z]", argument)]
    idle = {flag: choice for flag in flags if (choice := _choice_of(flag))}
    if idle and list(idle) == list(dict.fromkeys(flags)):  # a misspelt flag beside them may be the choice
        flag, choice = next(iter(idle.items()))
        now = hyper_opt if choice == "--hyper-opt" else aug_model
        raise UserError(f"{flag} has no effect on {choice} {now}; change one of them")
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    options = make_options(kind, vars(found))
    if hasattr(options, "given"):
        given: dict[str, Any] = {"given": frozenset(_given(parser, arguments) | presets.keys())}
        options = dataclasses.replace(options, **given)
    if note := find_place(options.data, options.dataset, kind.data).note:
        print(f"note: {note}", file=sys.stderr)
    return located(options)


def _given(parser: Parser, arguments: Sequence[str] | None) -> set[str]:
    """The names of the options whose flags are among the arguments, also with their default values."""
    absent = object()
    found = argparse.Namespace(**{action.dest: absent for action in parser._actions})
    parser.parse_known_args(arguments, found)
    return {name for name, value in vars(found).items() if value is not absent}


def located(options: Options) -> Options:
    """The options with the name of the data set, and the folder that it lies in, where `--dataset` is a path."""
    place = find_place(options.data, options.dataset, type(options).data)
    return dataclasses.replace(options, data=place.data, dataset=place.dataset)


def _choice_of(flag: str) -> str | None:
    """The flag of the choice that a flag belongs to; None if it is no such flag."""
    name = flag.removeprefix("--").replace("-", "_")
    if estimator_of_flag(name):
        return "--hyper-opt"
    of_augmenters = {field.name for augmenter in with_flags().values() for field in flag_fields(augmenter)}
    return "--aug-model" if name in of_augmenters else None


def options_parser(kind: type[Setting], description: str, hyper_opt: str, aug_model: str = Setting.aug_model) -> Parser:
    """The parser of an options class, with the flags of one estimator and one augmentation."""
    lines = (f"  {name:<20}  {entry.help}" for name, entry in ESTIMATORS.items())
    about_augmenters = f"augmentations whose own flags --aug-model NAME --help shows: {', '.join(with_flags())}"
    epilog = "\n".join(("estimators, whose own flags --hyper-opt NAME --help shows:", *lines, about_augmenters))
    parser = make_parser(
        description, epilog, ["augmentations:", *(f"  {name:<20}  {text}" for name, text in AUG_HELP.items())]
    )
    add_flags(parser, kind.flags_in_order())
    own: dict[str, type] = {f"--aug-model {aug_model}": augmenter_options(aug_model)}
    own |= {f"--hyper-opt {hyper_opt}": find_estimator(hyper_opt).Options}
    for choice, options in own.items():
        if fields := flag_fields(options):
            add_flags(parser.add_argument_group(f"of {choice}"), fields)
    return parser


def _read_first(kind: type[Setting], arguments: Sequence[str] | None) -> tuple[dict[str, Any], str, str]:
    """The presets of the method, and the names of estimator and augmentation."""
    parser = Parser(allow_abbrev=False, add_help=False)
    deciding = ("dataset", "recipe", "method", "aug_model", "hyper_opt")
    add_flags(parser, [field for field in flag_fields(kind) if field.name in deciding])
    parser.set_defaults(hyper_opt=None, aug_model=None)
    found, _ = parser.parse_known_args(arguments)
    presets = METHODS[found.method].presets_of(found.recipe or Path(found.dataset).name) if found.method else {}
    choices = (getattr(found, name) or presets.get(name, getattr(Setting, name)) for name in ("hyper_opt", "aug_model"))
    return presets, *choices


def make_options(kind: type[Options], values: Mapping[str, Any]) -> Options:
    """Options of a class from values by name, which may include the estimator's and the augmenter's."""
    own: dict[str, Any] = {
        "estimator": find_estimator(values.get("hyper_opt", Setting.hyper_opt)).Options,
        "augmenter": augmenter_options(values.get("aug_model", Setting.aug_model)),
    }

    def of(options: Any) -> dict[str, Any]:
        return {field.name: values[field.name] for field in flag_fields(options) if field.name in values}

    return kind(**of(kind), **{name: options(**of(options)) for name, options in own.items()})


def resolve(options: Options) -> Options:
    """Options with all defaults filled in from recipe, method and the run folder's number, checked.

    The recipe of own data is chosen for them. Raises UserError where there are none, and for flags that contradict each
    other.
    """
    options = located(options)
    if options.recipe is None:
        recipe, reason = options.dataset, None
        if not options.public:
            recipe, reason = recipe_for(options.dataset, options.folder, options.image_size)
        options = dataclasses.replace(options, recipe=recipe, recipe_reason=reason)
    fill_in = {field: value for field, value in vars(options.defaults).items() if hasattr(options, field)}
    if options.refit:
        learned = options.learned_augmentation
        fill_in["rows_use"] = refit_use(options.filled_parts, learned is not None and learned.by_augmenter)
    if isinstance(options, RunOptions) and options.seed is None:
        fill_in["seed"] = seed_of(options.run_folder)
    options = dataclasses.replace(options, **{f: v for f, v in fill_in.items() if getattr(options, f) is None})
    if not isinstance(options.estimator, options.estimator_class.Options):
        options = dataclasses.replace(options, estimator=options.estimator_class.Options())
    if not isinstance(options.augmenter, augmenter_options(options.aug_model)):
        options = dataclasses.replace(options, augmenter=augmenter_options(options.aug_model)())
    if isinstance(options, RunOptions):
        check_run(options)
    else:
        check_setting(options)
    everything = BUILT_IN[options.dataset].validation if options.public and options.subset == WHOLE else None
    if options.valid_images == everything and options.defaults.valid_images is None:
        options = dataclasses.replace(options, valid_images=None)  # all of them: the same setting as without the flag
    return options


def refit_use(parts: str, augmenter: bool = False) -> str:
    """Letters of the columns that --refit takes over by default, of an estimator that fills these parts.

    An augmenter is taken over beside the weights: it has no other effect than the learned one.
    """
    use = next((use for part, use in (("W", "WC"), ("A", "A")) if part in parts), "S")
    return f"{use}A" if augmenter and "A" in parts and use != "A" else use


def seed_of(run_folder: str) -> int:
    """The N of runN. Raises UserError for another name."""
    number = run_number(run_folder)
    if number is None:
        raise UserError(f"run folder '{run_folder}' is not run0 to run999999, so it gives no seed; add --seed")
    return number
