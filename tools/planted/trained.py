"""Errors in what the trained models run: objectives, model, networks, training.

Each names the checks that are asked: chapter 05 holds a small real EquiVAE, whose
objective is written out with loops and differentiated by differences; chapters 06 to
09 build each network once more.
"""

from __future__ import annotations

from functools import partial

from tools.planted.mutant import Mutant

_value = partial(Mutant, chapters=("05",), cells=("check-by-hand",))
_slope = partial(Mutant, chapters=("05",), cells=("check-real-gradient",))

TRAINED = (
    # What a step maximises: its value
    _value(
        "trained-equal-means", "two means of equal weight in the trained (7)",
        "training.objectives", "semi_supervised_objective",
        "value + w * labelled + (1 - w) * unlabelled", "value + labelled + unlabelled",
    ),
    _value(
        "trained-share", "the labelled share of the unlabelled images, not of all",
        "training.objectives", "semi_supervised_objective",
        "w = n_lab / (n_lab + n_unlab)", "w = n_lab / n_unlab",
    ),
    _value(
        "trained-alpha-sign", "the term with α subtracted",
        "training.objectives", "semi_supervised_objective",
        "value, log = e.alpha * log_q_true", "value, log = -e.alpha * log_q_true",
    ),
    _value(
        "trained-alpha-sum", "the term with α summed over the batch, not averaged",
        "training.objectives", "semi_supervised_objective",
        "gather(1, batches.y[n][:, None]).mean()\n    value, log",
        "gather(1, batches.y[n][:, None]).sum()\n    value, log",
    ),
    _value(
        "trained-kl-added", "the KL of v added in the trained (6)",
        "training.objectives", "semi_supervised_objective",
        "bounds.unlabelled_bound(-kl_weight * kl,",
        "bounds.unlabelled_bound(kl_weight * kl,",
    ),
    _value(
        "trained-kl-weight-unlabelled", "the KL's weight forgotten in the trained (6)",
        "training.objectives", "semi_supervised_objective",
        "bounds.unlabelled_bound(-kl_weight * kl,", "bounds.unlabelled_bound(-kl,",
    ),
    _value(
        "trained-kl-weight-labelled", "the KL's weight forgotten in the trained (4)",
        "training.objectives", "labelled_bound",
        "bounds.labelled_bound(log_lik, kl_weight * (terms.kl + kl_r))",
        "bounds.labelled_bound(log_lik, terms.kl + kl_r)",
    ),
    _value(
        "trained-wrong-image", "a place in the labelled set used as one in all images",
        "training.objectives", "labelled_bound",
        "x = batches.x(batches.labelled[n])\n    terms", "x = batches.x(n)\n    terms",
    ),
    _value(
        "trained-labelled-again", "labelled images read where unlabelled ones belong",
        "training.objectives", "semi_supervised_objective",
        "x = batches.x(batches.unlabelled[u])", "x = batches.x(batches.labelled[u])",
    ),
    _value(
        "trained-own-r", "a random member left out where x_n is in the trained pool",
        "training.objectives", "labelled_bound",
        "representations(model, pool, f, batches.pools.left_out(pool, n, y), y)\n"
        "    elif",
        "representations(model, pool, f, batches.pools.left_out(pool, None, y), y)\n"
        "    elif",
    ),
    _value(
        "trained-consistency-reversed", "the consistency's KL the wrong way round",
        "training.targets", "apart",
        "bounds.categorical_kl(target, log_q)", "bounds.categorical_kl(log_q, target)",
    ),
    _value(
        "trained-teacher-forgotten", "the model its own teacher where another is given",
        "training.objectives", "semi_supervised_objective",
        "(teacher or model).label_log_posterior(x)", "model.label_log_posterior(x)",
    ),
    # What a step maximises: its gradient
    _slope(
        "trained-r-detached", "r_y cut off from the gradient of the trained (6)",
        "training.objectives", "class_representations",
        "representations(model, pool, f, batches.pools.left_out(pool, None, y), y)",
        "representations(model, pool, f, batches.pools.left_out(pool, None, y), y)"
        ".detach()",
    ),
    _slope(
        "trained-q-detached", "q(y | x) cut off from the gradient of the trained (6)",
        "training.objectives", "exact_log_lik",
        "bounds.label_mean(terms.log_lik.mean(dim=0), log_q)",
        "bounds.label_mean(terms.log_lik.mean(dim=0), log_q.detach())",
    ),
    # The model
    _slope(
        "model-r-detached-in-q", "r_y cut off where q(v | r_y, x) reads it",
        "model.equivae", "EquiVAE.terms_per_class",
        "self.posterior.heads(e, r)", "self.posterior.heads(e, r.detach())",
    ),
    _slope(
        "model-r-detached-in-p", "r_y cut off where the decoder reads it",
        "model.equivae", "EquiVAE.log_likelihood",
        "self.log_density(x, self.decoder(r, v))",
        "self.log_density(x, self.decoder(r.detach(), v))",
    ),
    _slope(
        "model-kl-detached", "the KL of (4) without a gradient",
        "model.equivae", "EquiVAE.terms",
        "Terms(self.log_likelihood(x, r, v), bounds.gaussian_kl(mu, log_var))",
        "Terms(self.log_likelihood(x, r, v), bounds.gaussian_kl(mu, log_var).detach())",
    ),
    _value(
        "model-classes-mixed", "v of one class decoded with the r_y of another",
        "model.equivae", "EquiVAE.terms_per_class",
        "log_lik = self.log_likelihood(x[:, None], r, v)",
        "log_lik = self.log_likelihood(x[:, None], r.flip(-2), v)",
    ),
    _value(
        "model-label-blind", "the label posterior without its look at f(x)",
        "model.equivae", "EquiVAE.label_log_posterior",
        "self.label_posterior(x, f_x)", "self.label_posterior(x, 0 * f_x)",
    ),
    # The networks
    Mutant(
        "network-sum", "the sum of f over the complementary images, not their mean",
        "model.networks", "InvariantEncoder.forward",
        "self.g(self.f(x).mean(dim=-2))", "self.g(self.f(x).sum(dim=-2))",
        ("06",), ("check-representation",),
    ),
    Mutant(
        "network-g-first", "g before the mean, not after it",
        "model.networks", "InvariantEncoder.forward",
        "self.g(self.f(x).mean(dim=-2))", "self.g(self.f(x)).mean(dim=-2)",
        ("06",), ("check-representation",),
    ),
    Mutant(
        "network-heads-swapped", "μ and log σ² of v swapped",
        "model.networks", "EquivariantPosterior.heads",
        "return self.mu(h), self.log_var(h)", "return self.log_var(h), self.mu(h)",
        ("07",), ("same",),
    ),
    Mutant(
        "network-no-relu", "the ReLU before the decoder's convolutions forgotten",
        "model.networks", "Decoder.forward",
        "h = torch.relu(self.dense(h))", "h = self.dense(h)",
        ("08",), ("same-network",),
    ),
    Mutant(
        "network-doors-swapped", "r_y and v joined in the wrong order in the decoder",
        "model.networks", "Decoder.forward",
        "torch.cat([d.expand(*lead, -1), h.expand(*lead, -1)], dim=-1)",
        "torch.cat((h.expand(*lead, -1), d.expand(*lead, -1)), dim=-1)",
        ("08",), ("same-network",),
    ),
    Mutant(
        "network-f-not-stopped", "the label posterior's gradient let into f",
        "model.networks", "LabelPosterior.forward",
        "f_x.detach().to(e.dtype)", "f_x.to(e.dtype)",
        ("09",), ("check-zero",),
    ),
    Mutant(
        "network-join-swapped", "x and f(x) joined in the wrong order",
        "model.networks", "LabelPosterior.forward",
        "torch.cat([e, f_x.detach().to(e.dtype)], dim=-1)",
        "torch.cat([f_x.detach().to(e.dtype), e], dim=-1)",
        ("09",), ("check-formula",),
    ),
    # The schedule
    Mutant(
        "schedule-from-zero", "the KL's weight starting at 0, not where it should",
        "training.settings", "Experiment.kl_weight",
        "self.kl_start + (1 - self.kl_start) * progress / self.kl_epochs",
        "progress / self.kl_epochs",
        ("10",), ("figure-schedule",),
    ),
)  # fmt: skip
