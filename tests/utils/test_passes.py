from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from torch import nn

from utils.errors import DivergenceError
from utils.passes import Batch, OutputCollector, evaluate, train_pass


@pytest.fixture
def batches():
    random = torch.Generator().manual_seed(0)
    return [
        Batch(torch.randn(n, 6, generator=random), torch.randint(4, (n,), generator=random), torch.arange(n))
        for n in (8, 8, 5)
    ]


def make_model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.CELU(), nn.Linear(5, 4))


def as_it_is(images):
    return images


class AtRest(nn.Module):
    """A model in evaluation mode, in two parts."""

    def __init__(self, model):
        super().__init__()
        *layers, self.head = model.eval()
        self.features = nn.Sequential(*layers)


def test_evaluation_agrees_with_scikit_learn(batches):
    model = make_model()
    evaluation = evaluate(AtRest(model), batches, as_it_is, 4)
    labels = torch.cat([b.given for b in batches])
    with torch.no_grad():
        probabilities = torch.cat([model(b.images) for b in batches]).softmax(1).double()
    predicted = probabilities.argmax(1)
    assert evaluation.accuracy == pytest.approx(100 * accuracy_score(labels, predicted))
    assert evaluation.loss == pytest.approx(log_loss(labels, probabilities / probabilities.sum(1, keepdim=True)))
    confusion = confusion_matrix(labels, predicted)
    assert evaluation.per_class == pytest.approx(list(100 * confusion.diagonal() / confusion.sum(1)))


def test_class_without_images_has_no_accuracy(batches):
    two_classes = [replace(batch, given=batch.given % 2) for batch in batches]
    assert evaluate(AtRest(make_model()), two_classes, as_it_is, 4).per_class[2:] == [None, None]


def test_evaluation_leaves_the_model_alone(batches):
    model = make_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(AtRest(model), batches, as_it_is, 4)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_evaluation_hands_on_what_it_has_seen(batches):
    network, collector = AtRest(make_model()), OutputCollector()
    evaluate(network, batches, as_it_is, 4, collector)
    found, images = collector.outputs(), torch.cat([b.images for b in batches])
    with torch.no_grad():
        features = torch.cat([network.features(b.images) for b in batches])
    assert torch.equal(found.features, features)
    assert torch.equal(found.labels, torch.cat([b.given for b in batches]))
    assert torch.equal(found.predicted, network.head(network.features(images)).argmax(1))


def test_evaluation_sees_images_in_its_view(batches):
    seen_otherwise = [replace(batch, images=-batch.images) for batch in batches]
    network = AtRest(make_model())
    assert evaluate(network, batches, torch.neg, 4) == evaluate(network, seen_otherwise, as_it_is, 4)


def test_train_pass_is_sgd_step_by_step(batches):
    """Against the same steps written out, with the learning rate of each step."""
    rates = {0.0: 0.1, 1 / 3: 0.05, 2 / 3: 0.02}
    ours, reference = make_model(), make_model()
    settings = {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}
    optimizer = torch.optim.SGD(ours.parameters(), 1.0, **settings)

    def set_rate(done):
        optimizer.param_groups[0]["lr"] = rates[done]

    def step(batch):
        loss = F.cross_entropy(ours(batch.images), batch.given)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    mean = train_pass(batches, step, set_rate, log_interval=2)

    optimizer = torch.optim.SGD(reference.parameters(), 1.0, **settings)
    losses = []
    for (images, labels, _), rate in zip(batches, rates.values(), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        loss = F.cross_entropy(reference(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert mean == pytest.approx(sum(losses) / 3)
    for value, expected in zip(ours.state_dict().values(), reference.state_dict().values(), strict=True):
        torch.testing.assert_close(value, expected)


def test_first_step_whose_loss_is_no_number_is_named(batches):
    losses = iter([torch.tensor(1.0), torch.tensor(float("nan")), torch.tensor(float("inf"))])
    with pytest.raises(DivergenceError, match="the training loss of step 2 is not a number"):
        train_pass(batches, lambda batch: next(losses), lambda done: None, log_interval=9)
