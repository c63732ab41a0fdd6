"""The training loop: what it draws, that it learns, and that nothing is lost."""

import math
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
import torch

from equivae_lite import files
from equivae_lite.errors import CheckpointError, TrainingError
from equivae_lite.model import bounds
from equivae_lite.training import checkpoints, loop, objectives
from tests.support.small import (
    COLOUR,
    PLAIN,
    SEMI,
    SUPERVISED,
    TABLE,
    few,
    images,
    pixels,
)

pytestmark = pytest.mark.slow

# On 256 images: 8 steps in the first epoch, 4 in each of the other two.
TINY = replace(SUPERVISED, schedule=((32, 1), (64, 2)))
TINY_SEMI = replace(SEMI, schedule=((32, 1), (64, 1)), warmup_steps=2)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in another order would give other last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fit(experiment=TINY, data=None, seed=0, **settings):
    data = images(experiment.data, limit=256) if data is None else data
    px = settings.pop("pixels", None) or pixels(experiment)
    return loop.fit(experiment, data, px, seed, progress=False, **settings)


def same_weights(a, b):
    a, b = (m if isinstance(m, dict) else m.state_dict() for m in (a, b))
    assert a.keys() == b.keys()
    return all(torch.equal(a[k], b[k]) for k in a)


def without_times(history):
    return [{k: v for k, v in h.items() if k != "seconds"} for h in history]


@pytest.fixture(scope="module")
def whole_run():
    """TINY, seed 0, uninterrupted: the run that others must land on."""
    torch.set_num_threads(1)
    return fit()


# --- learning -------------------------------------------------------------------


def test_the_bound_rises(whole_run):
    model, history = whole_run
    assert [h["batch"] for h in history] == [32, 64, 64]
    assert [h["steps"] for h in history] == [8, 4, 4]
    found = [h["log_lik"] - h["kl"] for h in history]
    assert found[2] > found[0] + 50, found
    assert not model.training


@pytest.mark.parametrize("e", [PLAIN, TABLE, COLOUR], ids=lambda e: e.name)
def test_every_kind_of_model_learns(e):
    e = replace(e, schedule=((32, 2),))
    _, history = fit(e)
    assert history[1]["log_lik"] > history[0]["log_lik"] + 5


def test_the_seed_decides(whole_run):
    again, history = fit()
    assert same_weights(whole_run[0], again)
    assert without_times(history) == without_times(whole_run[1])
    other, _ = fit(seed=1)
    assert not same_weights(whole_run[0], other)


def test_one_step_is_adam_on_the_negative_bound():
    e = replace(TINY, schedule=((256, 1),), kl_epochs=0.0)
    trained, history = fit(e, max_steps=1)
    torch.manual_seed(0)
    model = checkpoints.build(e).to(memory_format=torch.channels_last)
    batches = objectives.Batches(e, images(limit=256), pixels(e), 0)
    batches.seed(0, 0)
    order = torch.randperm(256, generator=batches.generator)
    m = int(torch.randint(1, 8, (1,), generator=torch.Generator().manual_seed(0)))
    value, log = objectives.labelled_bound(model, batches, order, m, 1.0)
    assert history[0]["kl"] == float(log["kl"].detach())
    gradients = torch.autograd.grad(value, list(model.parameters()))
    for p, q, g in zip(model.parameters(), trained.parameters(), gradients):
        # Adam's first step is lr * g / (|g| + 1e-8), upwards on the bound.
        expected = p + 1e-3 * g / (g.abs() + 1e-8)
        torch.testing.assert_close(q, expected, rtol=1e-4, atol=1e-6)


@pytest.fixture
def steps(monkeypatch):
    """What each step of `fit` asks of `labelled_bound`."""
    seen = []

    def record(model, batches, n, m, kl_weight, *rest):
        seen.append({"n": n, "m": m, "kl": kl_weight, "training": model.training})
        return original(model, batches, n, m, kl_weight, *rest)

    original = objectives.labelled_bound
    monkeypatch.setattr(loop, "labelled_bound", record)
    return seen


def test_what_the_steps_of_a_run_draw(steps):
    e = replace(TINY, schedule=((32, 2), (64, 1)), kl_start=0.2, kl_epochs=1.5)
    fit(e)
    epochs = [steps[:8], steps[8:16], steps[16:]]
    for epoch, size in zip(epochs, (32, 32, 64)):
        n = torch.cat([s["n"] for s in epoch])
        assert {len(s["n"]) for s in epoch} == {size}
        assert torch.equal(n.sort().values, torch.arange(256))  # every image once
        assert not torch.equal(n, torch.arange(256))
    assert not torch.equal(steps[0]["n"], steps[8]["n"])
    assert {s["m"] for s in steps} == set(range(1, 8))
    expected = [e.kl_weight(i / 8) for i in range(16)] + [1.0] * 4
    assert [s["kl"] for s in steps] == pytest.approx(expected)
    assert all(s["training"] for s in steps)


def test_validate_enters_the_history():
    seen = []

    def validate(model):
        seen.append(model.training)
        return {"held_out": float(len(seen))}

    _, history = fit(replace(TINY, schedule=((128, 2),)), validate=validate)
    assert [h["held_out"] for h in history] == [1.0, 2.0]
    assert seen == [False, False]


def test_max_steps(steps):
    _, history = fit(max_steps=9)
    assert len(steps) == 9
    assert [h["steps"] for h in history] == [8, 1]


def test_bfloat16(whole_run):
    model, history = fit(bfloat16=True)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not same_weights(model, whole_run[0])
    # The same run up to rounding: nats of the last epoch agree to a few per cent.
    assert history[2]["log_lik"] == pytest.approx(whole_run[1][2]["log_lik"], rel=0.1)


# --- the labelled set -----------------------------------------------------------


def test_m_is_lowered_to_what_the_smallest_class_allows(steps, capsys):
    data = few(4)
    fit(replace(TINY, schedule=((8, 3),)), data)
    assert "m_max lowered from 7 to 3: the smallest class has 4" in (
        capsys.readouterr().out
    )
    assert {s["m"] for s in steps} == {1, 2, 3}
    fit(replace(TINY, schedule=((8, 1),), m_max=3), data)
    assert "lowered" not in capsys.readouterr().out


def test_a_class_with_one_labelled_image():
    data = few(3)
    lonely = torch.cat([torch.nonzero(data.labels != 7).flatten(), torch.tensor([21])])
    with pytest.raises(TrainingError, match=r"\[7\].*label at least 2 of each"):
        fit(TINY, data.subset(lonely))


def test_labelled_and_unlabelled_images_of_a_seed():
    a, b, c = (objectives.Batches(SEMI, images(), pixels(SEMI), s) for s in (0, 0, 1))
    assert torch.bincount(a.y).tolist() == [10] * 10
    assert len(a.labelled) + len(a.unlabelled) == 512
    assert torch.equal(a.labelled, b.labelled)
    assert not torch.equal(a.labelled, c.labelled)
    supervised = objectives.Batches(SUPERVISED, images(), pixels(SUPERVISED), 0)
    assert torch.equal(supervised.labelled, torch.arange(512))
    assert len(supervised.unlabelled) == 0


# --- semi-supervised ------------------------------------------------------------


def complement(batches, pool, y, out):
    """The images of class y's pool without the one at place `out`: (m, C, H, W)."""
    keep = torch.arange(pool.shape[1]) != out
    return batches.x(batches.labelled[pool[y][keep]])


@pytest.mark.parametrize("weight", [None, 0.3], ids=["weights of (7)", "own weight"])
def test_semi_supervised_objective_by_hand(weight):
    """(7) image by image and class by class, every r_y from its images."""
    e = replace(SEMI, labelled_weight=weight, alpha=0.7)
    torch.manual_seed(0)
    model = checkpoints.build(e).eval()  # no dropout: q(y | x) is a function
    batches = objectives.Batches(e, images(), pixels(e), 0)
    n, u, m, kl_weight = torch.tensor([3, 90, 41]), torch.tensor([5, 200]), 2, 0.4
    batches.seed(0, 0)
    with torch.no_grad():
        value, log = objectives.semi_supervised_objective(
            model, batches, n, u, m, kl_weight, e
        )
        alone, log_alone = objectives.semi_supervised_objective(
            model, batches, n, None, m, kl_weight, e
        )
    assert log.keys() == {"log_lik", "kl", "log_q_label", "unlabelled_bound"}
    assert log_alone.keys() == {"log_q_label"}  # the warm-up: q_y-post alone

    def classify(x):
        logits = model.label_posterior(x, model.encoder.f(x))
        return (logits.double() - logits.double().logsumexp(1, keepdim=True))[0]

    def bound(x, r, eps):
        terms = model.terms(x, r[None], eps[None])
        return float(terms.log_lik - kl_weight * terms.kl)

    def labelled_part():
        pool = batches.pools.draw(m)
        y = batches.y[n]
        out = batches.pools.left_out(pool, n, y)
        eps = batches.noise(3, 8)
        total, log_q = 0.0, 0.0
        for i in range(3):
            x = batches.x(batches.labelled[n[i]][None])
            r = model.encoder(complement(batches, pool, y[i], out[i]))
            total += bound(x, r, eps[i]) / 3
            log_q += float(classify(x)[y[i]]) / 3
        return total, log_q

    batches.seed(0, 0)  # the same pools, places and noise again
    with torch.no_grad():
        labelled, log_q = labelled_part()
        pool = batches.pools.draw(m)
        every = torch.arange(10).expand(2, 10)
        out = batches.pools.left_out(pool, None, every)
        eps = batches.noise(2, 10, 8)
        unlabelled = 0.0
        for i in range(2):
            x = batches.x(batches.unlabelled[u[i]][None])
            log_q_y = classify(x)
            for y in range(10):
                r = model.encoder(complement(batches, pool, y, out[i, y]))
                brace = bound(x, r, eps[i, y])
                # q {...} - q log (q / p), with p(y) = 1/10
                term = brace - float(log_q_y[y]) - math.log(10)
                unlabelled += float(log_q_y[y].exp()) * term / 2
    w = 100 / 512 if weight is None else weight
    expected = w * labelled + (1 - w) * unlabelled + 0.7 * log_q
    # float32 sums over 784 pixels: relative errors near 1e-6.
    assert float(value) == pytest.approx(expected, rel=1e-5)
    assert float(log["unlabelled_bound"]) == pytest.approx(unlabelled, rel=1e-5)
    assert float(alone) == pytest.approx(0.7 * log_q, rel=1e-5)


def test_semi_supervised_weights_are_those_of_the_two_sums_of_7():
    """With every image in the batch the estimate is (7) divided by all images."""
    data = few(7)
    e = replace(SEMI, labels=20, alpha=0.0)
    torch.manual_seed(0)
    model = checkpoints.build(e).eval()
    batches = objectives.Batches(e, data, pixels(e), 0)
    batches.seed(0, 0)
    n, u = torch.arange(20), torch.arange(50)
    with torch.no_grad():
        value, log = objectives.semi_supervised_objective(
            model, batches, n, u, 1, 1.0, e
        )
    labelled = (log["log_lik"] - log["kl"]).repeat(20)
    total = bounds.joint_bound(labelled, log["unlabelled_bound"].repeat(50))
    assert float(value) == pytest.approx(float(total) / 70, rel=1e-5)


def test_sampled_label_sum_has_the_mean_of_the_exact_one():
    """Value and gradients of the whole objective over many draws, one batch."""
    e = replace(SEMI, alpha=0.0)
    torch.manual_seed(0)
    model = checkpoints.build(e).eval()
    batches = objectives.Batches(e, images(), pixels(e), 0)
    n, u = torch.tensor([3]), torch.tensor([5, 200])
    probe = [
        model.label_posterior.dense[-1].bias, model.decoder.dense_r.bias,
        model.posterior.mu[-1].bias, model.encoder.g[-1].bias,
    ]  # fmt: skip

    def draws(kind, count):
        values, slopes = [], []
        for i in range(count):
            batches.seed(i, 0)
            settings = replace(e, label_sum=kind)
            value, log = objectives.semi_supervised_objective(
                model, batches, n, u, 2, 1.0, settings
            )
            grads = torch.autograd.grad(value, probe)
            values.append(value.detach())
            slopes.append(torch.cat([g.flatten() for g in grads]))
        return torch.stack(values), torch.stack(slopes)

    exact, sampled = draws("exact", 150), draws("sampled", 150)
    for a, b in zip(exact, sampled):
        error = (a.var(0) / len(a) + b.var(0) / len(b)).sqrt()
        # 37 numbers: 4.5 standard errors is once in 4,000 runs, and seeded.
        assert ((a.mean(0) - b.mean(0)).abs() < 4.5 * error + 1e-6).all()


def objective(e, u=(5, 200), teacher=None, shut=False, seed=0):
    """The objective of an untrained model on a small batch, with all that it saw."""
    torch.manual_seed(0)
    model = checkpoints.build(e).eval()
    batches = objectives.Batches(e, images(), pixels(e), 0)
    batches.seed(seed, 0)
    n = torch.tensor([3, 90, 41])
    value, log = objectives.semi_supervised_objective(
        model, batches, n, torch.tensor(u), 2, 1.0, e, teacher=teacher, shut=shut
    )
    return value, log, model, batches, n, torch.tensor(u)


def test_distorted_images_are_read_by_the_label_posterior_and_by_nothing_else():
    seen = {}
    for strength in (0.0, 1.0):
        e = replace(SEMI, distortion=strength, labelled_weight=0.5)
        _, log, *_ = objective(e)
        seen[strength] = log
    assert seen[0]["log_q_label"] != seen[1]["log_q_label"]
    assert seen[0]["unlabelled_bound"] != seen[1]["unlabelled_bound"]
    # The bound's images are as they are: q(y) enters, but with q(y) uniform for any
    # image nothing of the distortion is left.
    for strength in (0.0, 1.0):
        e = replace(SEMI, distortion=strength)
        torch.manual_seed(0)
        model = checkpoints.build(e).eval()
        for p in model.label_posterior.dense[-1].parameters():
            torch.nn.init.zeros_(p)
        batches = objectives.Batches(e, images(), pixels(e), 0)
        x = batches.x(batches.unlabelled[:2])
        log_q = model.label_log_posterior(batches.distorted(x, strength))
        batches.seed(0, 0)
        seen[strength] = objectives.exact_log_lik(model, batches, x, log_q, 2, 1)[0]
    torch.testing.assert_close(seen[0], seen[1], rtol=0, atol=0)


def test_consistency_is_the_kl_from_the_teacher_that_reads_undistorted_images():
    e = replace(SEMI, alpha=0.0, generative=False, consistency=2.5, distortion=1.0)
    torch.manual_seed(1)
    teacher = checkpoints.build(e).eval()
    value, log, model, batches, n, u = objective(e, teacher=teacher)
    assert log.keys() == {"log_q_label", "apart"}
    x = batches.x(batches.unlabelled[u])
    batches.seed(0, 0)
    batches.distorted(batches.x(batches.labelled[n]), 1.0)  # drawn before
    log_q = model.label_log_posterior(batches.distorted(x, 1.0))
    with torch.no_grad():
        target = teacher.label_log_posterior(x)
    kl = sum(
        torch.distributions.kl_divergence(
            torch.distributions.Categorical(logits=target[i]),
            torch.distributions.Categorical(logits=log_q[i]),
        )
        for i in range(2)
    ) / 2  # fmt: skip
    torch.testing.assert_close(value, -2.5 * kl)
    value.backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert model.label_posterior.dense[-1].bias.grad.abs().max() > 0
    assert model.decoder.dense.weight.grad is None  # no bound, nothing generative


def test_shut_v_decodes_one_template_a_class():
    e = replace(SEMI, alpha=0.0, labelled_weight=0.3)
    value, log, model, batches, n, u = objective(e, shut=True)
    batches.seed(0, 0)
    with torch.no_grad():
        r = objectives.class_representations(model, batches, 1, 2)[0]
        templates = model.decoder(r, torch.zeros(10, 8)).sigmoid().double()
        x = batches.x(batches.unlabelled[u]).double()
        x_lab = batches.x(batches.labelled[n]).double()

        def score(images, y):
            p = templates[y]
            return (images * p.log() + (1 - images) * (1 - p).log()).sum((1, 2, 3))

        q = model.label_log_posterior(x.float()).double().exp()
        each = torch.stack([score(x, torch.tensor([y])) for y in range(10)], dim=1)
        unlabelled = (q * (each - q.log() - math.log(10))).sum(1).mean()
        labelled = score(x_lab, batches.y[n]).mean()
    torch.testing.assert_close(
        log["unlabelled_bound"].double(), unlabelled, rtol=1e-5, atol=0
    )
    expected = 0.3 * labelled + 0.7 * unlabelled
    torch.testing.assert_close(value.detach().double(), expected, rtol=1e-5, atol=0)
    value.backward()
    # v and its posterior take no part, whatever they say.
    assert all(p.grad is None for p in model.posterior.parameters())


@pytest.mark.parametrize("kind", ["exact", "sampled"])
def test_more_v_samples_keep_the_mean_and_lower_the_variance(kind):
    found = {}
    for samples in (1, 8):
        e = replace(SEMI, label_sum=kind, v_samples=samples, labelled_weight=0.5)
        torch.manual_seed(0)
        model = checkpoints.build(e).eval()
        with torch.no_grad():  # a decoder that listens to v, so that there is noise
            model.decoder.dense_v.weight.mul_(3)
        batches = objectives.Batches(e, images(), pixels(e), 0)
        values = []
        for i in range(60):
            batches.seed(i, 0)
            with torch.no_grad():
                log_lik = objectives.labelled_bound(
                    model, batches, torch.tensor([3]), 1, 1.0, samples
                )[1]["log_lik"]
            values.append(log_lik)
        found[samples] = torch.stack(values).double()
    error = (found[1].var() / 60 + found[8].var() / 60).sqrt()
    assert (found[1].mean() - found[8].mean()).abs() < 4 * error
    assert found[8].var() < found[1].var()


def test_balance_has_the_gradient_of_the_kl_of_the_mean_label_posterior():
    """With the running mean held at the batch's own mean, as autograd finds it."""
    torch.manual_seed(0)
    model = checkpoints.build(SEMI).eval()
    batches = objectives.Batches(SEMI, images(), pixels(SEMI), 0)
    n, u = torch.tensor([3, 90]), torch.tensor([5, 200, 31])
    bias = model.label_posterior.dense[-1].bias
    x = batches.x(batches.unlabelled[u])
    q = model.label_log_posterior(x).exp().mean(0)
    (expected,) = torch.autograd.grad((q * (10 * q).log()).sum(), bias)
    slopes = []
    for weight in (0.0, 2.5):
        batches.seed(0, 0)
        assert torch.equal(batches.q_mean, torch.full((10,), 0.1))
        batches.q_mean.copy_(q.detach())
        e = replace(SEMI, balance=weight, alpha=0.0)
        value, _ = objectives.semi_supervised_objective(model, batches, n, u, 1, 1.0, e)
        slopes.append(torch.autograd.grad(value, bias)[0])
    # Differences of float32 gradients of size 100.
    torch.testing.assert_close(
        slopes[0] - slopes[1], 2.5 * expected, rtol=1e-2, atol=1e-3
    )
    assert expected.abs().max() > 1e-2


def test_averaged_weights_are_a_running_mean():
    """Followed by hand over four steps."""
    e = replace(TINY, schedule=((64, 1),), averaging=0.5)
    seen = []

    def record(model):
        seen.append(model)
        return {}

    kept, _ = fit(e, validate=record)
    plain, _ = fit(replace(e, averaging=0.0))
    assert seen[-1] is kept and not same_weights(kept, plain)
    torch.manual_seed(0)
    mean = checkpoints.build(e).state_dict()
    for steps in range(1, 5):
        weights, _ = fit(replace(e, averaging=0.0), max_steps=steps)
        decay = min(0.5, steps / (steps + 10))
        for k, v in weights.state_dict().items():
            mean[k] = decay * mean[k] + (1 - decay) * v
    for k, v in kept.state_dict().items():
        torch.testing.assert_close(v, mean[k], rtol=1e-5, atol=1e-6)


def test_the_teacher_is_the_averaged_model_without_dropout(monkeypatch):
    original, seen = objectives.semi_supervised_objective, []

    def record(model, *arguments, teacher, **named):
        seen.append((model, teacher, model.training, teacher.training))
        return original(model, *arguments, teacher=teacher, **named)

    monkeypatch.setattr(loop, "semi_supervised_objective", record)
    e = replace(SEMI, schedule=((32, 1),), averaging=0.5, consistency=1.0)
    kept, _ = fit(e, max_steps=2)
    for model, teacher, learning, teaching in seen:
        assert teacher is kept and teacher is not model
        assert learning and not teaching


def test_the_first_steps_after_the_warm_up_keep_v_shut(monkeypatch):
    original, seen = objectives.semi_supervised_objective, []

    def record(model, batches, n, u, *arguments, shut, **named):
        seen.append((u is None, shut))
        return original(model, batches, n, u, *arguments, shut=shut, **named)

    monkeypatch.setattr(loop, "semi_supervised_objective", record)
    e = replace(SEMI, schedule=((32, 1),), warmup_steps=1, shut_steps=2)
    fit(e, max_steps=4)
    assert [warm for warm, _ in seen] == [True, False, False, False]
    assert [shut for _, shut in seen[1:]] == [True, True, False]


def test_separation_by_hand():
    e = replace(SUPERVISED, separation_steps=1)
    torch.manual_seed(0)
    model = checkpoints.build(e).double()
    batches = objectives.Batches(e, images(), pixels(e), 0)
    batches.seed(0, 0)
    state = batches.generator.get_state()
    pool = batches.pools.draw(3)  # four images of each class
    n = torch.tensor([int(pool[2, 1]), 7, int(pool[9, 0])])  # two of them in their pool
    batches.generator.set_state(state)
    x = batches.x
    batches.x = lambda rows: x(rows).double()
    found = objectives.separation(model, batches, n, 3)

    # The same draws again, in the same order; of its own class, x_n itself is left out.
    def r(rows):
        return model.encoder(batches.x(rows)[None])[0]

    means = [[r(torch.cat([p[:i], p[i + 1 :]])) for i in range(len(p))] for p in pool]
    total = 0
    batches.generator.set_state(state)
    batches.pools.draw(3)
    others = torch.randint(4, (3, 10), generator=batches.generator)
    own = torch.randint(4, (3,), generator=batches.generator)
    for row, i in enumerate(n.tolist()):
        y, out = int(batches.y[i]), others[row].clone()
        inside = (pool[y] == i).nonzero().flatten()
        out[y] = inside[0] if len(inside) else own[row]
        scores = [
            -(r(n[row : row + 1]) - means[k][out[k]]).square().sum() for k in range(10)
        ]
        total += torch.stack(scores).softmax(0)[y].log()
    torch.testing.assert_close(found, total / 3, check_dtype=False)


@pytest.mark.parametrize("e", [TINY, TINY_SEMI], ids=lambda e: e.name)
def test_during_separation_the_encoder_learns_from_it_alone(e):
    e = replace(e, kl_epochs=0.0, warmup_steps=0)
    apart, history = fit(replace(e, separation_steps=1), max_steps=1)
    together, _ = fit(e, max_steps=1)
    assert "log_r_label" in history[0]
    a, b = apart.state_dict(), together.state_dict()
    same = {k.split(".")[0] for k in a if torch.equal(a[k], b[k])}
    other = {k.split(".")[0] for k in a if not torch.equal(a[k], b[k])}
    assert other == {"encoder"} and {"decoder", "posterior"} <= same
    # A bound that is worth more to the encoder changes nothing for it.
    heavy, _ = fit(
        replace(e, separation_steps=1, alpha=7.0, kl_start=9.0, kl_epochs=5.0),
        max_steps=1,
    )
    for p, q in zip(apart.encoder.parameters(), heavy.encoder.parameters()):
        assert torch.equal(p, q)
    assert all(p.requires_grad for p in apart.parameters())


def test_after_separation_the_bounds_reach_the_encoder():
    e = replace(TINY, schedule=((64, 1),), separation_steps=1)
    runs = [
        fit(replace(e, kl_start=k, kl_epochs=50.0), max_steps=2)[0] for k in (1.0, 9.0)
    ]
    one, other = (m.encoder.f[0].weight for m in runs)
    assert not torch.equal(one, other)


def test_separation_tells_the_classes_apart():
    _, history = fit(replace(TINY, schedule=((32, 4),), separation_steps=100))
    assert history[0]["log_r_label"] < -1.5  # chance: -log 10 = -2.3
    assert history[-1]["log_r_label"] > history[0]["log_r_label"] + 0.5


def test_semi_supervised_run_passes_its_warm_up(monkeypatch):
    seen = []

    def record(model, batches, n, u, *rest, **named):
        seen.append((len(n), None if u is None else len(u)))
        return original(model, batches, n, u, *rest, **named)

    original = objectives.semi_supervised_objective
    monkeypatch.setattr(loop, "semi_supervised_objective", record)
    # 156 unlabelled images: 128 and 28. The second epoch needs no warm-up.
    e = replace(SEMI, schedule=((128, 2),), warmup_steps=1)
    model, history = fit(e)
    assert seen == [(32, None), (32, 28), (32, 128), (32, 28)]
    assert {"log_q_label", "unlabelled_bound"} <= history[0].keys()
    assert all(torch.isfinite(p).all() for p in model.parameters())
    untrained, _ = fit(replace(e, learning_rate=0.0), max_steps=1)
    moved = [
        not torch.equal(a, b)
        for a, b in zip(model.parameters(), untrained.parameters())
    ]
    assert all(moved)


def test_history_averages_over_the_steps_that_have_a_value(monkeypatch):
    original, seen = objectives.semi_supervised_objective, []

    def record(*arguments, **named):
        value, log = original(*arguments, **named)
        seen.append(log)
        return value, log

    monkeypatch.setattr(loop, "semi_supervised_objective", record)
    _, history = fit(replace(SEMI, schedule=((32, 1),), warmup_steps=2), max_steps=3)
    expected = float(seen[2]["unlabelled_bound"])
    assert history[0]["unlabelled_bound"] == pytest.approx(expected)


def test_semi_supervised_latents_of_different_sizes():
    e = replace(SEMI, warmup_steps=0, arch=replace(SEMI.arch, r_dim=6, v_dim=8))
    fit(e, max_steps=1)


# --- killed, and gone on with -----------------------------------------------------

SCRIPT = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from dataclasses import replace
from equivae_lite.data import sets
from equivae_lite.data.sets import Pixels
from equivae_lite.training import experiments, loop

folder, stop_at = Path(sys.argv[1]), int(sys.argv[2])
original, calls = loop.labelled_bound, [0]

def slow(*arguments):
    calls[0] += 1
    if calls[0] == stop_at:
        print("in the middle", flush=True)
        time.sleep(600)
    return original(*arguments)

loop.labelled_bound = slow
e = experiments.get("glyphs-supervised")
e = replace(e, schedule=((32, 1), (64, 2)))
model, history = loop.fit(
    e, sets.load("glyphs", "train", 256), Pixels.unit(), 0,
    state_path=folder / "run.state.pt", progress=False,
)
torch.save({"weights": model.state_dict(), "steps": calls[0]}, folder / "end.pt")
"""


def test_killed_in_the_middle_of_an_epoch_it_ends_at_the_same_weights(
    tmp_path, whole_run
):
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    state, end = tmp_path / "run.state.pt", tmp_path / "end.pt"

    def start(stop_at):
        return subprocess.Popen(
            [sys.executable, str(script), str(tmp_path), str(stop_at)],
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    # Step 10 of 16: the second of the second epoch.
    with start(10) as process:
        assert process.stdout.readline() == "in the middle\n"
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(100) == -signal.SIGKILL
    assert len(checkpoints.load_state(state)["history"]) == 1 and not end.exists()
    with start(0) as process:
        assert process.wait(500) == 0
    found = torch.load(end)
    assert found["steps"] == 8  # the two epochs that were left, no more and no less
    assert same_weights(found["weights"], whole_run[0])
    assert len(checkpoints.load_state(state)["history"]) == 3


class Stopped(Exception):
    pass


def only_the_first_epoch(state):
    """TINY, stopped when the second epoch is trained but not yet kept."""
    epochs = []

    def validate(model):
        epochs.append(model)
        if len(epochs) == 2:
            raise Stopped
        return {}

    with pytest.raises(Stopped):
        fit(state_path=state, validate=validate)
    assert len(checkpoints.load_state(state)["history"]) == 1


AVERAGED = replace(
    TINY_SEMI, averaging=0.9, decay_from=0.3, label_sum="sampled", distortion=1.0,
    consistency=5.0, warmup_steps=1, shut_steps=1,
)  # fmt: skip


@pytest.mark.parametrize(
    "e", [TINY_SEMI, AVERAGED, replace(COLOUR, schedule=((128, 2),))]
)
def test_stopped_and_gone_on_with(tmp_path, monkeypatch, e):
    """Dropout, the labelled draws and the warm-up go on where they were, too."""
    state = tmp_path / "s.pt"
    expected, history = fit(e)
    name = "semi_supervised_objective" if e.semi_supervised else "labelled_bound"
    original, left = getattr(loop, name), [history[0]["steps"] + 1]

    def stop(*arguments, **named):
        left[0] -= 1
        if left[0] < 0:
            raise Stopped
        return original(*arguments, **named)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(loop, name, stop)
        fit(e, state_path=state)
    torch.manual_seed(12345)  # whatever else the process did meanwhile
    resumed, again = fit(e, state_path=state)
    assert same_weights(expected, resumed)
    assert without_times(history) == without_times(again)


def test_a_finished_run_is_not_run_again(tmp_path, whole_run, steps):
    state = tmp_path / "s.pt"
    fit(state_path=state)
    assert len(steps) == 16
    model, history = fit(state_path=state)
    assert len(steps) == 16 and len(history) == 3
    assert same_weights(model, whole_run[0])


def test_an_epoch_that_was_cut_short_is_not_kept(tmp_path, whole_run):
    state = tmp_path / "s.pt"
    fit(max_steps=3, state_path=state)
    model, _ = fit(state_path=state)
    assert same_weights(model, whole_run[0])


def test_a_half_written_state_is_never_read(tmp_path, monkeypatch, whole_run):
    """Killed while it writes: the name belongs to the old state until all is there."""
    state = tmp_path / "s.pt"
    (tmp_path / "abc.part").write_bytes(b"half")  # of a process that was killed

    replace_ = os.replace

    def killed(source, target):
        if os.stat(source).st_nlink > 1:  # the old state gets a second name
            return replace_(source, target)
        half = os.path.getsize(source) // 2
        os.truncate(source, half)
        raise Stopped

    for epochs in (0, 1):
        with monkeypatch.context() as patch, pytest.raises(Stopped):
            patch.setattr(files.os, "replace", killed)
            fit(state_path=state)
        assert state.exists() == (epochs == 1)
        if epochs == 0:
            only_the_first_epoch(state)
            good = state.read_bytes()
    assert state.read_bytes() == good
    model, _ = fit(state_path=state)
    assert same_weights(model, whole_run[0])


@pytest.mark.parametrize("damage", ["truncated", "noise", "empty"])
def test_a_damaged_state_is_an_error(tmp_path, damage):
    state = tmp_path / "s.pt"
    fit(replace(TINY, schedule=((256, 1),)), state_path=state)
    whole = state.read_bytes()
    content = {"truncated": whole[: len(whole) // 2], "noise": b"\x00" * 999}
    state.write_bytes(content.get(damage, b""))
    with pytest.raises(CheckpointError, match=r"s\.pt is damaged.*delete it to start"):
        fit(state_path=state)


def test_the_state_of_another_run_is_an_error(tmp_path):
    state = tmp_path / "s.pt"
    e = replace(TINY, schedule=((256, 1),))
    fit(e, state_path=state)
    before = state.read_bytes()
    for other in (
        {"seed": 1},
        {"bfloat16": True},
        {"experiment": replace(e, m_max=6)},
        {"experiment": replace(e, schedule=((256, 2),))},
        {"data": images(limit=300)},
    ):
        with pytest.raises(TrainingError, match="other settings; delete it"):
            fit(**({"experiment": e} | other), state_path=state)
    assert state.read_bytes() == before
    fit(e, state_path=state)


# --- NaN --------------------------------------------------------------------------


def test_nan_stops_and_keeps_the_last_good_state(tmp_path, monkeypatch, whole_run):
    state = tmp_path / "s.pt"
    only_the_first_epoch(state)
    good = state.read_bytes()
    original = loop.labelled_bound

    def broken(*arguments):
        value, log = original(*arguments)
        return value * math.nan, log

    with monkeypatch.context() as patch, pytest.raises(TrainingError) as caught:
        patch.setattr(loop, "labelled_bound", broken)
        fit(state_path=state)
    message = str(caught.value)
    assert "no longer finite (NaN or infinite) in epoch 2, step 1;" in message
    assert f"the last whole epoch is kept in {state}" in message
    for advice in ("smaller learning_rate", "another seed", "float32"):
        assert advice in message
    assert state.read_bytes() == good
    model, _ = fit(state_path=state)  # and it is good to go on from
    assert same_weights(model, whole_run[0])


def test_no_epoch_ends_with_weights_that_are_not_finite(tmp_path):
    """The loss of the last step knows nothing of what that step did to the weights."""
    state = tmp_path / "s.pt"
    one_step = replace(TINY, schedule=((256, 1),), learning_rate=math.inf)
    with pytest.raises(TrainingError, match="in epoch 1, step 1;"):
        fit(one_step, state_path=state)
    assert not state.exists()


def test_nan_between_two_looks_is_found_before_the_epoch_ends(tmp_path):
    """The loss is looked at every 50 steps only: a look waits for the GPU."""
    state = tmp_path / "s.pt"
    with pytest.raises(TrainingError, match="in epoch 1, step 8;"):
        fit(replace(TINY, learning_rate=1e30), state_path=state)
    assert not state.exists()
    with pytest.raises(TrainingError, match="nothing was written"):
        fit(replace(TINY, learning_rate=1e30))


def test_nan_that_the_weights_survive_is_found(monkeypatch, tmp_path):
    original, calls = objectives.labelled_bound, [0]

    def once(*arguments):
        value, log = original(*arguments)
        calls[0] += 1
        if calls[0] == 5:
            log = {k: t * math.nan for k, t in log.items()}
        return value, log

    monkeypatch.setattr(loop, "labelled_bound", once)
    with pytest.raises(TrainingError, match="no longer finite"):
        fit(state_path=tmp_path / "s.pt")
    assert list(tmp_path.iterdir()) == []


# --- the environment ----------------------------------------------------------------


def test_max_steps_from_environment(monkeypatch):
    monkeypatch.delenv("EQUIVAE_MAX_STEPS", raising=False)
    assert loop.max_steps_from_environment() is None
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "")
    assert loop.max_steps_from_environment() is None
    monkeypatch.setenv("EQUIVAE_MAX_STEPS", "17")
    assert loop.max_steps_from_environment() == 17
    for wrong in ("0", "-1", "2.5", "two", " 3 x"):
        monkeypatch.setenv("EQUIVAE_MAX_STEPS", wrong)
        with pytest.raises(TrainingError, match="whole number of at least 1") as caught:
            loop.max_steps_from_environment()
        assert repr(wrong) in str(caught.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card here")
@pytest.mark.parametrize("e", [TINY, COLOUR, TINY_SEMI], ids=lambda e: e.name)
def test_two_steps_on_the_gpu(e):
    e = replace(e, warmup_steps=1 if e.semi_supervised else 0)
    data = images(e.data).to("cuda")
    px = pixels(e).to("cuda")
    first, history = fit(e, data, pixels=px, max_steps=2)
    assert {p.device.type for p in first.parameters()} == {"cuda"}
    assert history[0]["steps"] == 2
    assert all(torch.isfinite(p).all() for p in first.parameters())
    # The same weights on the CPU give the same bound.
    x, eps = px.forward(data.images[:8]), torch.randn(8, e.arch.v_dim, device="cuda")
    with torch.no_grad():
        r = first.encoder(x[:, None])
        there = first.terms(x, r, eps).bound.cpu()
        here = first.cpu().terms(x.cpu(), r.cpu(), eps.cpu()).bound
    torch.testing.assert_close(there, here, rtol=1e-3, atol=0.1)
