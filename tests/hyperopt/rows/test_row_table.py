import pytest
import torch

from hyperopt.rows.table import RowTable


@pytest.mark.parametrize("shared", [False, True])
def test_equals_the_dense_rmsprop(shared):
    random = torch.Generator().manual_seed(0)
    count, width = (1 if shared else 50), 3
    start = torch.randn(count, width, generator=random)
    table = RowTable(start.clone(), shared)
    dense = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.RMSprop([dense], alpha=0.99)
    for step in range(1000):
        rate = 0.05 / (1 + step / 100)
        index = torch.randperm(50, generator=random)[:8]
        gradient = torch.randn(1 if shared else 8, width, generator=random)
        table.move(index, gradient, rate)
        dense.grad = torch.zeros_like(dense)
        dense.grad[[0] if shared else index] = gradient
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    difference = (table.values - dense.detach()).abs().max() / dense.detach().abs().max()
    assert difference < 1e-6


def test_gather_copies():
    table = RowTable(torch.zeros(4, 2))
    rows = table.leaves(torch.tensor([3, 1]))
    rows += 1
    assert table.values.sum() == 0


def test_shared_row_is_gathered_once():
    assert RowTable(torch.ones(1, 2), shared=True).leaves(torch.tensor([5, 7, 9])).shape == (1, 2)


@pytest.mark.cuda
@pytest.mark.parametrize("shared", [False, True])
def test_table_on_the_host_serves_a_gpu_alike(shared):
    start = torch.randn(1 if shared else 50, 3)
    host, device = RowTable(start.clone(), shared), RowTable(start.cuda(), shared)
    for seed in range(20):
        index = torch.randperm(50, generator=torch.Generator().manual_seed(seed))[:8].cuda()
        torch.testing.assert_close(host.leaves(index), device.leaves(index))  # which round powers differently
        gradient = torch.randn_like(device.leaves(index))
        host.move(index, gradient, 0.1)
        device.move(index, gradient, 0.1)
    assert not host.values.is_cuda
    torch.testing.assert_close(host.values, device.values.cpu())
