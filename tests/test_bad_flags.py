"""Bad flags of both scripts: status 2, one line on stderr that names the culprit, and nothing is left."""

from pathlib import Path

import pytest

TRAINING_FLAGS = [
    ("--dataset NOPE", "NOPE"),
    ("--dataset mine --recipe SVHN", "no data set mine"),
    ("--recipe NOPE", "NOPE"),
    ("--dataset mine", "for your own data add --recipe"),
    ("--aug-model FOO", "FOO"),
    ("--los-model FOO", "FOO"),
    ("--hyper-opt FOO", "FOO"),
    ("--warp FOO", "FOO"),
    ("--model resnet99", "resnet99"),
    ("--model wresnet28", "wresnet28"),
    ("--nonsense 1", "--nonsense"),
    ("stray", "stray"),
    ("--imbalance 10", "--imbalance"),
    ("-ir", "expected one argument"),
    ("-ir 0", "0 is out of range"),
    ("-ir -5", "-5 is out of range"),
    ("-ir 1.5", "1.5"),
    ("-ir ten", "'ten' is not a whole number"),
    ("-sr 0", "0 is out of range"),
    ("-sr 1.5", "1.5 is out of range"),
    ("-sr nan", "nan is out of range"),
    ("-sr 0.00001", "leaves no training image"),
    ("-nr 1.5", "1.5 is out of range"),
    ("-nr -0.1", "-0.1 is out of range"),
    ("-nr x", "'x' is not a number"),
    ("--epochs 0", "0 is out of range"),
    ("--lr 0", "0 is out of range"),
    ("--lr inf", "inf is out of range"),
    ("--batch-size 0", "0 is out of range"),
    ("--lr-decay-epochs 10,x", "10,x"),
    ("--gpu -1", "-1 is out of range"),
    ("--workers -1", "-1 is out of range"),
    ("--seed -1", "-1 is out of range"),
    ("--hyper-opt HES --hyper-iters -1", "-1 is out of range"),
    ("--hyper-opt FIS --hyper-iters -1", "-1 is out of range"),
    ("--hyper-opt HES --hyper-alpha 0", "0 is out of range"),
    ("--hyper-opt FIS --hyper-damping 0", "0 is out of range"),
    ("--hyper-alpha 0", "--hyper-alpha has no effect on --hyper-opt NONE; change one of them"),
    ("--hyper-opt CON --hyper-steps=3", "--hyper-steps has no effect on --hyper-opt CON; change one of them"),
    ("--hyper-opt FIS --confidence-threshold 0.5", "--confidence-threshold has no effect on --hyper-opt FIS"),
    ("--method NOPE", "NOPE"),
    ("--method AutoDO --hyper-damping 1", "--hyper-damping has no effect on --hyper-opt HES; change one of them"),
    ("--lr-schedule FOO", "FOO"),
    ("--momentum 1.5", "1.5 is out of range"),
    ("--weight-decay -1", "-1 is out of range"),
    ("--los-model WGHT --hyper-opt FIS --hyper-iters 0", "--hyper-iters 0"),
    ("--los-model WGHT --hyper-opt FIS --hyper-alpha 0.1", "--hyper-alpha has no effect"),
    ("--los-model WGHT --hyper-opt HES --hyper-damping 1", "--hyper-damping has no effect"),
    ("--los-model WGHT --hyper-steps 3", "--hyper-steps has no effect on --hyper-opt NONE"),
    ("--los-model WGHT --hyper-lr 7", "--hyper-lr has no effect on --hyper-opt NONE"),
    ("--hyper-batch-size 7", "--hyper-batch-size has no effect on --hyper-opt NONE"),
    ("--hyper-beta 1", "never had an effect"),
    ("--hyper-gamma 1", "never had an effect"),
    ("--hyper-gamma=1", "never had an effect"),
    ("-r ../elsewhere", "../elsewhere"),
    ("-r a/b", "a/b"),
    ("-r mine", "--seed"),
    ("-r run007", "--seed"),
    ("-r run99999999999", "--seed"),
    ("-r run٣", "plain name"),
    ("--threads 0", "0 is out of range"),
    ("--threads 100000", "100000 is out of range"),
    ("--lr 1e300", "1e300 is out of range"),
    ("-ir 1_0", "'1_0' is not a whole number"),
    ("-ir ١٠", "is not a whole number"),
    ("--batch-size 1", "1 is out of range"),
    ("--model wresnet10_100000", "wresnet10_100000"),
    ("--hyper-opt HES", "nothing to learn"),
    ("--overfit --oversplit", "exclude each other"),
    ("--overfit", "needs --hyper-opt"),
    ("--aug-model SEP --hyper-opt HES --hyper-start 200", "--hyper-start"),
    ("--aug-model AUTO", "no published AUTO policy for DIGITS; there is one for SVHN"),
    ("--aug-model DADA --policy MNIST", "no published DADA policy for MNIST"),
    ("--policy SVHN", "--policy names a published policy"),
    ("--train-on valid --aug-model SEP --hyper-opt HES", "--train-on valid is a control"),
    ("--train-on valid --oversplit", "--train-on valid is a control"),
    ("--valid-images 0", "0 is out of range"),
    ("--valid-images 50 --oversplit", "--valid-images needs"),
]

RESULT_FLAGS = [
    ("", "no run folder"),
    ("--all", "no run folder"),
    ("--dataset NOPE", "NOPE"),
    ("-nr 2", "2 is out of range"),
    ("-r run0", "-r"),
    ("--hyper-opt HES", "nothing to learn"),
    ("--hyper-steps 3", "--hyper-steps has no effect on --hyper-opt NONE; change one of them"),
    ("--data nowhere", "nowhere"),
    ("--all -ir 10", "leave out --imbalance-ratio"),
    ("--all --aug-model SEP", "leave out --aug-model"),
    ("--all --model lenet", "leave out --model"),
    ("--all --dry-run", "--all shows every setting; leave out --dry-run"),
    ("--format csv", "--format is for --all"),
    ("--match SEP", "--match is for --all"),
    ("--all --match (", "'(' is not a regular expression"),
    ("--all --format pdf", "pdf"),
    ("--dry-run --plot figures", "--dry-run writes and draws nothing"),
    ("--plot", "expected one argument"),
]


@pytest.mark.parametrize(("flags", "culprit"), TRAINING_FLAGS, ids=[flags for flags, _ in TRAINING_FLAGS])
def test_flags_of_the_training_script(refused, flags, culprit):
    refused("implicit-augment", ("--no-cuda", *flags.split()), culprit)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(("flags", "culprit"), RESULT_FLAGS, ids=[flags for flags, _ in RESULT_FLAGS])
def test_flags_of_the_results_script(refused, flags, culprit):
    refused("get-results", flags.split(), culprit)
    assert not list(Path().iterdir())
