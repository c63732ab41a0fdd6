"""Errors of wiring, planted one at a time: a named test must notice each.

    python -m tests.training.wiring_errors            plant all
    python -m tests.training.wiring_errors NAME …     plant these

The parts are right and what joins them is not: a wrong argument passed on, a value of
a schedule that arrives nowhere, numbers of the wrong split, randomness of another size.
An error is planted in a copy of the package and of the tests; the test that is named
beside it runs there, and nothing else. It has to fail with an AssertionError, and to
pass in the copy as it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

from tools.planted import warm

ROOT = Path(__file__).resolve().parents[2]
# What the killing tests need of the repository.
COPIED = (
    "equivae_lite", "tests", "tools", "book/live", "conftest.py", "pyproject.toml",
)  # fmt: skip
SECONDS = 300  # for one test, on a machine that does other things
TRAINING = "tests/training/test_wiring.py::test_"
RUNS = "tests/runs/test_wiring.py::test_"
DISTORTIONS = "tests/data/test_distortions.py::test_"
LIVE = "tests/live/test_live_randomness.py::test_"
FIELD = TRAINING + "a_field_changes_what_it_should_and_nothing_else[{}]"
ARGUMENT = TRAINING + "an_argument_changes_what_it_should_and_nothing_else[{}]"
OF_RUN = RUNS + "an_argument_changes_what_it_should_and_nothing_else[{}]"
RESUMED = "tests/training/test_loop.py::test_stopped_and_gone_on_with[{}]"
OWN_NUMBERS = TRAINING + "the_loop_leaves_the_random_numbers_of_dropout_to_dropout"
LOOP = "equivae_lite/training/loop.py"
OBJECTIVES = "equivae_lite/training/objectives.py"
SETTINGS = "equivae_lite/training/settings.py"
PIPELINE = "equivae_lite/runs/pipeline.py"
STUDY = "equivae_lite/runs/study.py"
SAMPLING = "equivae_lite/training/sampling.py"
SPLITS = "equivae_lite/data/splits.py"
DISTORT = "equivae_lite/data/distortions.py"


@dataclass(frozen=True)
class Planted:
    """`old` is in the file `path` exactly once; `test` is who has to notice `new`."""

    name: str
    slip: str
    path: str
    old: str
    new: str
    test: str


ERRORS = (
    # Those that nobody noticed.
    Planted(
        "lr-never-set", "the schedule's learning rate is not handed to Adam", LOOP,
        """        for group in optimizer.param_groups:
            muon = group.get("muon", False)
            rate = experiment.muon_rate if muon else experiment.learning_rate
            group["lr"] = rate * experiment.decay(epoch + step / steps)
""", "", FIELD.format("decay_from"),
    ),
    Planted(
        "muon-adams-rate", "Muon steps with Adam's rate", LOOP,
        'muon = group.get("muon", False)', "muon = False",
        FIELD.format("muon_rate"),
    ),
    Planted(
        "separation-anew", "the separation phase counted anew in each epoch", LOOP,
        "separate = steps_done + step <", "separate = step <",
        FIELD.format("separation_steps"),
    ),
    Planted(
        "class-r-of-all", "r_y in a semi-supervised checkpoint made from all labels",
        PIPELINE, "model.class_r = Representations(model, pixels, labelled)",
        "model.class_r = Representations(model, pixels, images)",
        RUNS + "r_in_a_checkpoint_is_made_of_the_labelled_images_alone"
        "[0-wired-semi-supervised]",
    ),
    Planted(
        "pixels-of-test", "pixel statistics fitted on the test images", PIPELINE,
        "pixels = pixels_for(experiment, images)\n        state",
        "pixels = pixels_for(experiment, test)\n        state",
        RUNS + "pixel_statistics_are_those_of_the_training_images",
    ),
    Planted(
        "study-trains-on-held-out", "held-out images trained on in the study", STUDY,
        "images, held_out = splits.held_out(images)",
        "held_out = splits.held_out(images)[1]",
        RUNS + "held_out_images_are_not_trained_on_and_the_labelled_ones_are"
        "[seen_by_study]",
    ),
    Planted(
        "one-bend", "the same bend for all images of a batch", DISTORT,
        "coarse = torch.randn(size, 2, GRID, GRID, generator=generator, device=device)",
        "coarse = torch.randn(1, 2, GRID, GRID, generator=generator, device=device)"
        ".expand(size, -1, -1, -1)",
        DISTORTIONS + "the_bend_is_normal_and_every_image_has_its_own[1.0]",
    ),
    Planted(
        "browser-half-variance", "the browser's normal numbers with variance one half",
        "book/live/paint.js", "Math.sqrt(-2 * Math.log", "Math.sqrt(-Math.log",
        LIVE + "normal_numbers_of_the_browser_are_standard_normal",
    ),
    # Schedules and counts.
    Planted(
        "lr-by-epoch", "the learning rate falls once an epoch only", LOOP,
        "decay(epoch + step / steps)", "decay(epoch)",
        FIELD.format("decay_from"),
    ),
    Planted(
        "kl-by-epoch", "the weight of the KL rises once an epoch only", LOOP,
        "kl_weight(epoch + step / steps)", "kl_weight(epoch)", FIELD.format("kl_start"),
    ),
    Planted(
        "kl-constant", "the weight of the KL not handed to the supervised bound", LOOP,
        "model, batches, n, m, kl_weight, experiment.v_samples\n",
        "model, batches, n, m, 1.0, experiment.v_samples\n", FIELD.format("kl_start"),
    ),
    Planted(
        "kl-constant-unlabelled", "the KL of unlabelled images has its full weight",
        OBJECTIVES, "bounds.unlabelled_bound(-kl_weight * kl, log_q, log_p)",
        "bounds.unlabelled_bound(-kl, log_q, log_p)", FIELD.format("kl_epochs1"),
    ),
    Planted(
        "warm-up-anew", "the warm-up counted anew in each epoch", LOOP,
        "after_warmup = steps_done + step - experiment.warmup_steps",
        "after_warmup = step - experiment.warmup_steps", FIELD.format("warmup_steps"),
    ),
    Planted(
        "shut-from-the-start", "shut steps counted from the start of the run", LOOP,
        "shut=after_warmup < experiment.shut_steps",
        "shut=steps_done + step < experiment.shut_steps", FIELD.format("shut_steps"),
    ),
    Planted(
        "separation-held-not", "f and g learn from the bounds during separation", LOOP,
        "with held(model.encoder) if separate else nullcontext():",
        "with nullcontext():", FIELD.format("separation_steps"),
    ),
    Planted(
        "separation-not-added", "the separation is logged and not maximised", LOOP,
        'value, log["log_r_label"] = value + told_apart, told_apart.detach()',
        'log["log_r_label"] = told_apart.detach()', FIELD.format("separation_steps"),
    ),
    Planted(
        "decay-of-all-epochs", "the fall of the learning rate ends an epoch late",
        SETTINGS, "(progress - start) / (self.epochs - start)",
        "(progress - start) / (self.epochs + 1 - start)", FIELD.format("learning_rate"),
    ),
    Planted(
        "second-anew", "steps before the second reading counted with the warm-up's",
        LOOP, "second=0 < experiment.second_after <= after_warmup",
        "second=0 < experiment.second_after <= steps_done + step",
        FIELD.format("second_after"),
    ),
    # Arguments passed on.
    Planted(
        "contrast-unweighted", "the contrast without its weight", OBJECTIVES,
        "value = value + e.contrast * told_apart", "value = value + told_apart",
        FIELD.format("contrast"),
    ),
    Planted(
        "sure-ignored", "the threshold on readings arrives nowhere", OBJECTIVES,
        "targets.apart(target, log_q, e.sure)", "targets.apart(target, log_q, 0.0)",
        FIELD.format("sure"),
    ),
    Planted(
        "always-aligned", "readings are aligned whatever was asked for", OBJECTIVES,
        "            if e.aligned:\n", "            if True:\n",
        FIELD.format("aligned"),
    ),
    Planted(
        "labelled-batch-ignored", "as many labelled images as unlabelled ones", LOOP,
        "batches.draw_labelled(experiment.labelled_batch)",
        "batches.draw_labelled(len(part))", FIELD.format("labelled_batch"),
    ),
    Planted(
        "v-samples-supervised", "one draw of v whatever was asked for", LOOP,
        "m, kl_weight, experiment.v_samples\n", "m, kl_weight\n",
        FIELD.format("v_samples"),
    ),
    Planted(
        "v-samples-labelled", "one draw of v for the labelled images of (7)",
        OBJECTIVES, "model, batches, n, m, kl_weight, e.v_samples\n",
        "model, batches, n, m, kl_weight\n", FIELD.format("v_samples1"),
    ),
    Planted(
        "v-samples-unlabelled", "one draw of v for unlabelled images", OBJECTIVES,
        "log_lik(model, batches, x, log_q, m, e.v_samples)",
        "log_lik(model, batches, x, log_q, m, 1)", FIELD.format("v_samples1"),
    ),
    Planted(
        "m-ignored", "always the largest m", LOOP,
        "ms = batches.draw_ms(len(parts), seed, epoch)",
        "ms = [batches.m_max] * len(parts)", FIELD.format("m_max"),
    ),
    Planted(
        "m-max-ignored", "m as large as the smallest class allows", OBJECTIVES,
        "self.m_max = min(experiment.m_max, self.pools.largest_m)",
        "self.m_max = self.pools.largest_m", FIELD.format("m_max"),
    ),
    Planted(
        "alpha-unweighted", "the label term without its weight", OBJECTIVES,
        "value, log = e.alpha * log_q_true,", "value, log = log_q_true,",
        FIELD.format("alpha"),
    ),
    Planted(
        "consistency-unweighted", "consistency without its weight", OBJECTIVES,
        "value = value - e.consistency * apart", "value = value - apart",
        FIELD.format("consistency"),
    ),
    Planted(
        "balance-sign", "the balance of labels with the other sign", OBJECTIVES,
        "value = value - e.balance", "value = value + e.balance",
        FIELD.format("balance"),
    ),
    Planted(
        "sum-of-means", "the unlabelled mean has full weight beside the labelled one",
        OBJECTIVES, "w * labelled + (1 - w) * unlabelled", "w * labelled + unlabelled",
        FIELD.format("labelled_weight"),
    ),
    Planted(
        "weight-by-batches", "labelled weight of the batches, not of the sets",
        OBJECTIVES, "n_lab, n_unlab = len(batches.labelled), len(batches.unlabelled)",
        "n_lab, n_unlab = len(n), len(u)", FIELD.format("labels"),
    ),
    Planted(
        "bfloat16-ignored", "bfloat16 not passed to the products", LOOP,
        "enabled=bfloat16)", "enabled=False)", ARGUMENT.format("bfloat16"),
    ),
    # The average, the teacher, modes.
    Planted(
        "teacher-is-student", "the teacher is the student", LOOP,
        "teacher=average.of(model)", "teacher=model", FIELD.format("consistency1"),
    ),
    Planted(
        "teacher-reads-distorted", "the teacher reads the distorted images",
        OBJECTIVES, "    log_q = model.label_log_posterior(batches.distorted(x, "
        "e.distortion))", "    x = batches.distorted(x, e.distortion)\n"
        "    log_q = model.label_log_posterior(x)", FIELD.format("consistency1"),
    ),
    Planted(
        "labelled-not-distorted", "labelled images read as they are", OBJECTIVES,
        "model.label_log_posterior(batches.distorted(x_lab, e.distortion))",
        "model.label_log_posterior(x_lab)", FIELD.format("distortion"),
    ),
    Planted(
        "average-before-step", "weights averaged before the step", LOOP,
        "        optimizer.step()\n        average.update(model)\n",
        "        average.update(model)\n        optimizer.step()\n",
        TRAINING + "adam_has_its_defaults_and_the_average_follows_each_step",
    ),
    Planted(
        "last-weights-kept", "the last weights kept, not their average", LOOP,
        "return average.of(model).eval(), history", "return model.eval(), history",
        FIELD.format("averaging"),
    ),
    Planted(
        "train-mode-forgotten", "evaluation mode stays after a validation", LOOP,
        "    model.train()\n", "",
        TRAINING + "validate_sees_the_kept_model_and_changes_nothing",
    ),
    Planted(
        "validated-in-training-mode", "dropout while validating", LOOP,
        "validate(average.of(model).eval())", "validate(model.train())",
        TRAINING + "validate_sees_the_kept_model_and_changes_nothing",
    ),
    Planted(
        "loaded-in-training-mode", "a checkpoint is read with its dropout on",
        "equivae_lite/training/checkpoints.py", "model.to(device).eval()",
        "model.to(device).train()",
        "tests/training/test_checkpoints.py::"
        "test_round_trip[glyphs-semi-supervised]",
    ),
    # A run that goes on.
    Planted(
        "steps-of-other-epochs", "steps of the epochs before are forgotten", LOOP,
        'steps_done=sum(int(h["steps"]) for h in history),', "steps_done=0,",
        FIELD.format("warmup_steps"),
    ),
    Planted(
        "adam-anew", "Adam begins anew where a run goes on", LOOP,
        "parts.items():\n            target",
        'parts.items():\n            if name != "optimizer": target',
        RESUMED.format("e0"),
    ),
    Planted(
        "average-anew", "the average begins anew where a run goes on", LOOP,
        "parts.items():\n            target",
        'parts.items():\n            if name != "average": target',
        RESUMED.format("e1"),
    ),
    Planted(
        "average-counts-anew", "the average forgets how many steps it has seen", LOOP,
        '        self.steps = state["steps"]\n', "", RESUMED.format("e1"),
    ),
    # Random numbers.
    Planted(
        "seed-of-epochs-ignored", "epochs of all seeds draw the same", OBJECTIVES,
        "self.generator.manual_seed(seed * 10_007 + epoch)",
        "self.generator.manual_seed(epoch)", ARGUMENT.format("seed"),
    ),
    Planted(
        "seed-of-dropout-ignored", "dropout of all seeds draws the same", OBJECTIVES,
        "        torch.manual_seed(seed * 10_007 + epoch)\n",
        "        torch.manual_seed(epoch)\n", ARGUMENT.format("seed"),
    ),
    Planted(
        "seed-of-weights-ignored", "every seed begins with the same weights", LOOP,
        "    torch.manual_seed(seed)\n", "    torch.manual_seed(0)\n",
        ARGUMENT.format("seed"),
    ),
    Planted(
        "seed-of-labels-ignored", "every seed labels the same images", OBJECTIVES,
        "labelled_rows(data, experiment.labels, seed)",
        "labelled_rows(data, experiment.labels, 0)",
        TRAINING + "a_labelled_set_is_that_of_its_seed",
    ),
    Planted(
        "ms-of-an-epoch", "m drawn alike in every epoch", OBJECTIVES,
        "torch.Generator().manual_seed(seed * 10_007 + epoch)",
        "torch.Generator().manual_seed(seed * 10_007)",
        TRAINING + "m_is_drawn_evenly_and_anew_in_every_epoch",
    ),
    Planted(
        "noise-global", "noise from the generator of dropout", OBJECTIVES,
        "torch.randn(*shape, generator=self.generator, device=device)",
        "torch.randn(*shape, device=device)",
        OWN_NUMBERS + "[supervised]",
    ),
    Planted(
        "noise-small", "noise with half the variance", OBJECTIVES,
        "return torch.randn(*shape, generator=self.generator, device=device)",
        "return 0.5**0.5 * torch.randn("
        "*shape, generator=self.generator, device=device)",
        TRAINING + "noise_is_standard_normal_and_never_the_same",
    ),
    Planted(
        "noise-of-a-batch", "one noise for all images of a batch", OBJECTIVES,
        "return torch.randn(*shape, generator=self.generator, device=device)",
        "return torch.randn(*shape[:-2], 1, shape[-1], generator=self.generator, "
        "device=device).expand(shape)",
        TRAINING + "noise_is_standard_normal_and_never_the_same",
    ),
    Planted(
        "labelled-first-half", "labelled images drawn from the first half", OBJECTIVES,
        "            len(self.labelled), (count,)",
        "            len(self.labelled) // 2, (count,)",
        TRAINING + "labelled_images_are_drawn_evenly",
    ),
    Planted(
        "distorted-global", "distortions from the generator of dropout", OBJECTIVES,
        "return distort(x, strength, self.generator)", "return distort(x, strength)",
        TRAINING + "adam_has_its_defaults_and_the_average_follows_each_step",
    ),
    Planted(
        "one-shift", "the same shift for all images of a batch", DISTORT,
        "shift = SHIFT * uniform(2)", "shift = SHIFT * uniform(2)[:1].expand(size, 2)",
        DISTORTIONS + "the_sizes_are_those_that_are_documented[1.0]",
    ),
    Planted(
        "half-a-rotation", "rotations to one side only", DISTORT,
        "return strength * (2 * u - 1)", "return strength * u",
        DISTORTIONS + "the_sizes_are_those_that_are_documented[1.0]",
    ),
    Planted(
        "bend-of-any-strength", "the bend does not know the strength", DISTORT,
        "BEND * strength * coarse", "BEND * coarse",
        DISTORTIONS + "the_bend_is_normal_and_every_image_has_its_own[0.5]",
    ),
    Planted(
        "width-is-height", "width and height scaled alike", DISTORT,
        "width, height = 1 + SCALE * uniform(), 1 + SCALE * uniform()",
        "width = height = 1 + SCALE * uniform()",
        DISTORTIONS + "the_sizes_are_those_that_are_documented[1.0]",
    ),
    Planted(
        "browser-one-for-all", "one random number for all units of a style",
        "book/live/styles.js", "v.map(() => pad.inside(normal()))",
        "v.slice().fill(pad.inside(normal()))",
        LIVE + "a_random_style_draws_every_unit_by_itself",
    ),
    Planted(
        "browser-uniform", "a uniform number in place of a normal one",
        "book/live/styles.js", "v.map(() => pad.inside(normal()))",
        "v.map(() => styles.range * (2 * Math.random() - 1))",
        LIVE + "a_random_style_draws_every_unit_by_itself",
    ),
    Planted(
        "browser-walk-too-small", "the moving style with variance one half",
        "book/live/hero.js", "Math.SQRT2 * Math.sin(", "Math.sin(",
        LIVE + "the_moving_style_has_the_mean_and_variance_of_the_prior",
    ),
    Planted(
        "pools-global", "pools drawn with the generator of dropout", SAMPLING,
        "self._members.shape, generator=self.generator, device",
        "self._members.shape, device", OWN_NUMBERS + "[supervised]",
    ),
    Planted(
        "left-out-global", "who is left out drawn with the generator of dropout",
        SAMPLING, "pool.shape[1], y.shape, generator=self.generator, device",
        "pool.shape[1], y.shape, device", OWN_NUMBERS + "[exact]",
    ),
    Planted(
        "labels-global", "labels to decode drawn with the generator of dropout",
        OBJECTIVES, "label_sum.draw(log_q, batches.generator)",
        "label_sum.draw(log_q)", OWN_NUMBERS + "[sampled]",
    ),
    Planted(
        "noise-of-evaluation", "noise of an evaluation with half the variance",
        "equivae_lite/evaluation/bound.py", "torch.randn(shape, generator=g))",
        "0.5**0.5 * torch.randn(shape, generator=g))",
        "tests/evaluation/test_bound.py::test_noise_is_standard_normal",
    ),
    Planted(
        "grey-levels", "noise of half a grey level in place of a whole one",
        "equivae_lite/evaluation/pixel_density.py",
        "(torch.stack(rows) - 0.5).to(x.device) /",
        "0.5 * (torch.stack(rows) - 0.5).to(x.device) /",
        "tests/evaluation/test_pixel_density.py::"
        "test_dequantised_pictures_keep_their_grey_level",
    ),
    Planted(
        "weights-too-small", "weights begin with half of their variance",
        "equivae_lite/model/networks.py", "std=math.sqrt(2 / fan_in)",
        "std=math.sqrt(1 / fan_in)",
        "tests/model/test_networks.py::test_he_initialisation",
    ),
    Planted(
        "held-out-of-the-first", "held-out images from the first part of the set",
        SPLITS, "generator.permutation(n)[:n_validation]",
        "generator.permutation(n_validation + (n > 9))[:n_validation]",
        "tests/data/test_sets.py::test_holdout_split_takes_every_image_equally_often",
    ),
    Planted(
        "held-out-neighbours", "digits of one photograph on both sides", SPLITS,
        "holdout_split(n, count, seed, train.photographs)",
        "holdout_split(n, count, seed)",
        "tests/data/test_svhn_part.py::test_photographs_stay_on_one_side",
    ),
    Planted(
        "separation-undistorted", "f reads the images of separation as they are", LOOP,
        "strength = experiment.separation_distortion", "strength = 0.0",
        FIELD.format("separation_distortion"),
    ),
    Planted(
        "labels-of-the-first", "labelled images are the first of each class", SPLITS,
        "chosen[generator.permutation(members)[:per_class]] = True",
        "chosen[members[:per_class]] = True",
        "tests/data/test_sets.py::"
        "test_class_balanced_split_takes_every_image_equally_often",
    ),
    # Whole runs.
    Planted(
        "train-device-ignored", "training images stay on the CPU", PIPELINE,
        'experiment.data, "train", limit, device, home)\n        test =',
        'experiment.data, "train", limit, "cpu", home)\n        test =',
        OF_RUN.format("train-device"),
    ),
    Planted(
        "train-bfloat16-ignored", "bfloat16 in the card and not in the run", PIPELINE,
        "seed, state_path=state, bfloat16=bfloat16,",
        "seed, state_path=state,", OF_RUN.format("train-bfloat16"),
    ),
    Planted(
        "labels-of-seed-0", "r_y in a checkpoint of the labelled images of seed 0",
        PIPELINE, "labelled_part(experiment.labels, images, seed)\n        if hasattr",
        "labelled_part(experiment.labels, images, 0)\n        if hasattr",
        OF_RUN.format("train-seed"),
    ),
    Planted(
        "limited-run-keeps-a-state", "a run with a limit leaves a state", PIPELINE,
        "folder.state(name, seed) if whole else None",
        "folder.state(name, seed) if max_steps is None else None",
        OF_RUN.format("train-limit"),
    ),
    Planted(
        "judged-on-training-images", "a card's test error is of training images",
        PIPELINE, "headline(model, pixels, labelled, test, experiment.generative),",
        "headline(model, pixels, labelled, images, experiment.generative),",
        RUNS + "train_reads_both_splits_and_learns_from_one",
    ),
    Planted(
        "validate-pixels-of-all", "pixel statistics of held-out images, too", PIPELINE,
        "        images, held_out = splits.held_out(images, limit and limit // 2)\n"
        "        pixels = pixels_for(experiment, images)\n",
        "        pixels = pixels_for(experiment, images)\n"
        "        images, held_out = splits.held_out(images, limit and limit // 2)\n",
        RUNS + "pixel_statistics_are_those_of_the_training_images",
    ),
    Planted(
        "validate-sides-swapped", "trained on the few, judged on the many", PIPELINE,
        "images, held_out = splits.held_out(", "held_out, images = splits.held_out(",
        RUNS + "held_out_images_are_not_trained_on_and_the_labelled_ones_are"
        "[seen_by_validate]",
    ),
    Planted(
        "validate-r-of-held-out", "r_y of a validation made of the held-out images",
        PIPELINE, "held_out_terms(model, pixels, images, held_out,",
        "held_out_terms(model, pixels, held_out, held_out,",
        RUNS + "a_supervised_validation_makes_r_of_the_kept_images",
    ),
    Planted(
        "evaluate-labels-of-seed-0", "every seed evaluated with the labels of seed 0",
        PIPELINE, "labelled = labelled_part(labels, train_set, seed)",
        "labelled = labelled_part(labels, train_set, 0)",
        RUNS + "what_evaluate_does_by_itself",
    ),
    Planted(
        "study-seed-ignored", "the study trains every seed alike", STUDY,
        "e, images, Pixels.unit(), seed, bfloat16",
        "e, images, Pixels.unit(), 0, bfloat16", OF_RUN.format("study-seed"),
    ),
    Planted(
        "study-labels-of-all", "the study's labelled images from all training images",
        STUDY, "    images, held_out = splits.held_out(images)\n"
        "    labelled = pipeline.labelled_part(e.labels, images, seed)\n",
        "    labelled = pipeline.labelled_part(e.labels, images, seed)\n"
        "    images, held_out = splits.held_out(images)\n",
        RUNS + "held_out_images_are_not_trained_on_and_the_labelled_ones_are"
        "[seen_by_study]",
    ),
    Planted(
        "headline-bound-of-labels", "a card's bound from one class's r_y", PIPELINE,
        "        test.labels, indices, None\n",
        "        0 * test.labels, indices, None\n",
        RUNS + "headline_by_hand[model-wired-supervised]",
    ),
)  # fmt: skip


def planted(error: Planted, root: Path = ROOT) -> str:
    """The file with the error in it; ValueError unless `old` is there exactly once."""
    text = (root / error.path).read_text(encoding="utf-8")
    count = text.count(error.old)
    if count != 1:
        raise ValueError(
            f"{error.name}: {error.old!r} is {count} times in {error.path}; it must "
            "be there once: adapt tests/training/wiring_errors.py"
        )
    return text.replace(error.old, error.new)


def copy(folder: Path) -> None:
    """What the tests need, into an empty folder.

    With what Python has compiled of it, which is known by the time and size of a
    file: one that is changed is compiled anew.
    """
    for name in COPIED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target)
        else:
            shutil.copy(ROOT / name, target)


class _Watching:
    """A plugin of pytest: what the tests raised."""

    def __init__(self) -> None:
        self.raised: list[str] = []
        self.ran = 0

    def pytest_exception_interact(self, call) -> None:
        self.raised.append(call.excinfo.typename)

    def pytest_runtest_logreport(self, report) -> None:
        self.ran += report.when == "call" and report.outcome != "skipped"


def run(root: Path, tests: list[str]) -> tuple[int, list[str]]:
    """How many tests of the copy at `root` ran, and what they raised.

    In this process, which should be fresh: it forgets the repository for the copy.
    """
    import pytest

    for name in list(sys.modules):
        if name.split(".")[0] in ("equivae_lite", "tests", "tools", "conftest"):
            del sys.modules[name]
    sys.path[:] = [str(root)] + [p for p in sys.path if Path(p or ".") != ROOT]
    sys.dont_write_bytecode = True
    os.chdir(root)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in [n for n in os.environ if n.startswith("PYTEST_XDIST")]:
        del os.environ[name]
    watching = _Watching()
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    options = ["-q", "-o", "addopts=", "-p", "no:cacheprovider", "--rootdir", str(root)]
    pytest.main([*options, *tests], plugins=[watching])
    home = sys.modules.get("equivae_lite")
    assert home is None or Path(home.__file__).parent.parent == root, home
    return watching.ran, watching.raised


def _report(send: Connection, root: Path, tests: list[str]) -> None:
    send.send(run(root, tests))


def apart(root: Path, tests: list[str]) -> tuple[int, list[str]]:
    """`run` in a process of its own, started from one that knows torch already."""
    context = warm.context()
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_report, args=(send, root, tests))
    child.start()
    send.close()
    try:
        return receive.recv() if receive.poll(SECONDS) else (0, ["out of time"])
    except EOFError:
        return 0, ["the process died"]
    finally:
        child.join(5)  # it has said all that it has to say
        child.kill()
        child.join()


def killed(outcome: tuple[int, list[str]]) -> bool:
    """The test ran, and an assertion failed."""
    ran, raised = outcome
    return ran == 1 and raised == ["AssertionError"]


def skipped(outcome: tuple[int, list[str]]) -> bool:
    """Without Chromium its tests do not run."""
    return outcome == (0, [])


def hunt(
    errors: Iterable[Planted] = ERRORS, processes: int = 2
) -> tuple[dict[str, tuple[int, list[str]]], tuple[int, list[str]]]:
    """What became of each error's test, by name, and of all of them without errors."""
    errors = list(errors)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(processes) as pool:
        free: SimpleQueue[Path] = SimpleQueue()
        for k in range(processes):
            root = Path(folder).resolve() / f"copy{k}"
            copy(root)
            free.put(root)

        @contextmanager
        def lent():
            root = free.get()
            try:
                yield root
            finally:
                free.put(root)

        def plant(error: Planted) -> tuple[int, list[str]]:
            text = planted(error)
            with lent() as root:
                path = root / error.path
                before, stat = path.read_bytes(), path.stat()
                path.write_text(text, encoding="utf-8")
                try:
                    return apart(root, [error.test])
                finally:
                    path.write_bytes(before)
                    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

        def unplanted(_: object = None) -> tuple[int, list[str]]:
            with lent() as root:
                return apart(root, sorted({e.test for e in errors}))

        whole = pool.submit(unplanted)
        found = dict(zip([e.name for e in errors], pool.map(plant, errors)))
        return found, whole.result()


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help="only these errors")
    names = parser.parse_args(given).names
    unknown = set(names) - {e.name for e in ERRORS}
    if unknown:
        parser.error(f"no error is called {', '.join(sorted(unknown))}")
    started = time.perf_counter()
    errors = [e for e in ERRORS if not names or e.name in names]
    found, whole = hunt(errors)
    if whole[1]:
        print(f"without any error: {whole}")
    for e in errors:
        words = "not tried" if skipped(found[e.name]) else found[e.name][1]
        print(f"{e.name:28} {words} {e.test.rpartition('::test_')[2]}")
    survivors = [n for n, o in found.items() if not killed(o) and not skipped(o)]
    print(f"{len(errors)} planted, {len(survivors)} not killed {survivors or ''}")
    print(f"{time.perf_counter() - started:.0f} s")
    return 1 if survivors or whole[1] else 0


if __name__ == "__main__":
    # Under its own name, so that the processes that it starts find its functions.
    from tests.training import wiring_errors

    sys.exit(wiring_errors.main())
