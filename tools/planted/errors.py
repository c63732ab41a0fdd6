"""The errors that `tools.planted.mutants` plants: classic slips, one line each.

Here are those in the mathematics (densities, KLs, bounds, complementary images, toys);
`trained` has those in what the trained models run. What a `Mutant` holds says `mutant`.
"""

from __future__ import annotations

from tools.planted.false_data import FALSE_DATA
from tools.planted.mutant import Mutant
from tools.planted.trained import TRAINED

MUTANTS = (
    # Densities
    Mutant(
        "gaussian-half", "the ½ of the Gaussian's exponent and normaliser dropped",
        "model.bounds", "gaussian_log_prob",
        "-0.5 * (LOG_2PI + log_var + quadratic)", "-(LOG_2PI + log_var + quadratic)",
    ),
    Mutant(
        "gaussian-normaliser", "log 2π left out of the Gaussian",
        "model.bounds", "gaussian_log_prob",
        "-0.5 * (LOG_2PI + log_var + quadratic)", "-0.5 * (log_var + quadratic)",
    ),
    Mutant(
        "gaussian-log-variance", "log σ² left out of the Gaussian's normaliser",
        "model.bounds", "gaussian_log_prob",
        "-0.5 * (LOG_2PI + log_var + quadratic)", "-0.5 * (LOG_2PI + quadratic)",
    ),
    Mutant(
        "gaussian-log-std", "log-variance read as log-standard-deviation in a density",
        "model.bounds", "gaussian_log_prob",
        "(x - mean).square() * torch.exp(-log_var)",
        "(x - mean).square() * torch.exp(-2 * log_var)",
    ),
    Mutant(
        "gaussian-mean", "mean over pixels instead of their sum, Gaussian",
        "model.bounds", "gaussian_log_prob",
        "return per_axis.sum(dim=tuple(range(-event_dims, 0)))",
        "return per_axis.mean(dim=tuple(range(-event_dims, 0)))",
    ),
    Mutant(
        "bernoulli-mean", "mean over pixels instead of their sum, Bernoulli",
        "model.bounds", "bernoulli_log_prob",
        "return per_pixel.sum(dim=tuple(range(-event_dims, 0)))",
        "return per_pixel.mean(dim=tuple(range(-event_dims, 0)))",
    ),
    Mutant(
        "bernoulli-sign", "cross-entropy added where its negative belongs",
        "model.bounds", "bernoulli_log_prob",
        "-F.binary_cross_entropy_with_logits(", "F.binary_cross_entropy_with_logits(",
    ),
    Mutant(
        "bernoulli-sigmoid-twice", "sigmoid applied twice",
        "model.bounds", "bernoulli_log_prob",
        "with_logits(logits, x,", "with_logits(logits.sigmoid(), x,",
    ),
    # Divergences
    Mutant(
        "kl-half", "the ½ of the KL dropped", "model.bounds", "gaussian_kl",
        "return 0.5 * (torch.exp(difference)", "return (torch.exp(difference)",
    ),
    Mutant(
        "kl-log-std", "log-variance read as log-standard-deviation in the KL",
        "model.bounds", "gaussian_kl",
        "0.5 * (torch.exp(difference)", "0.5 * (torch.exp(2 * difference)",
    ),
    Mutant(
        "kl-mean", "mean over latents instead of their sum",
        "model.bounds", "gaussian_kl",
        "- 1 - difference).sum(dim=-1)", "- 1 - difference).mean(dim=-1)",
    ),
    Mutant(
        "kl-constant", "the 1 in the KL forgotten", "model.bounds", "gaussian_kl",
        "+ scaled - 1 - difference)", "+ scaled - difference)",
    ),
    Mutant(
        "kl-sign-of-log", "sign of the log-variance in the KL flipped",
        "model.bounds", "gaussian_kl",
        "+ scaled - 1 - difference)", "+ scaled - 1 + difference)",
    ),
    Mutant(
        "kl-reversed", "KL[p ‖ q] in place of KL[q ‖ p]", "model.bounds", "gaussian_kl",
        "return 0.5 * (torch.exp(difference) + scaled - 1 - difference).sum(dim=-1)",
        "return 0.5 * (torch.exp(-difference) + scaled * torch.exp(-difference)"
        " - 1 + difference).sum(dim=-1)",
    ),
    Mutant(
        "categorical-reversed", "KL[p(y) ‖ q(y)] in place of KL[q(y) ‖ p(y)]",
        "model.bounds", "categorical_kl",
        "return (q * log_ratio).sum(dim=-1)",
        "return (-log_p.exp() * log_ratio).sum(dim=-1)",
        ("04", "05"),
    ),
    Mutant(
        "categorical-entropy", "the entropy of q(y | x) dropped",
        "model.bounds", "categorical_kl",
        "return (q * log_ratio).sum(dim=-1)",
        "return (-q * log_p).sum(dim=-1)",
        ("04", "05"),
    ),
    Mutant(
        "categorical-prior", "log p(y) forgotten", "model.bounds", "categorical_kl",
        "return (q * log_ratio).sum(dim=-1)",
        "return (q * (log_ratio + log_p)).sum(dim=-1)",
        ("04", "05"),
    ),
    Mutant(
        "zero-log-zero", "0 log 0 left to the computer, which says NaN",
        "model.bounds", "categorical_kl",
        "torch.where(q > 0, log_q, log_p) - log_p", "log_q - log_p",
        ("04", "05"),
    ),
    # Samples
    Mutant(
        "sample-log-std", "log-variance used as log-standard-deviation in a sample",
        "model.bounds", "reparameterise",
        "torch.exp(0.5 * log_var) * eps", "torch.exp(log_var) * eps",
        ("02", "07", "03", "04", "05"),
    ),
    Mutant(
        "sample-detached", "sigma cut off from the gradient of a sample",
        "model.bounds", "reparameterise",
        "torch.exp(0.5 * log_var) * eps", "torch.exp(0.5 * log_var).detach() * eps",
        ("02", "07", "03", "04", "05"),
    ),
    Mutant(
        "noise-reused", "one noise vector reused for all samples",
        "model.bounds", "reparameterise",
        "torch.exp(0.5 * log_var) * eps", "torch.exp(0.5 * log_var) * eps[:1]",
        ("02", "07", "03", "04", "05"),
    ),
    Mutant(
        "importance-outside", "importance weights averaged outside the logarithm",
        "model.bounds", "importance_weighted_bound",
        "return torch.logsumexp(log_w, dim=dim) - math.log(log_w.shape[dim])",
        "return log_w.mean(dim=dim)",
    ),
    Mutant(
        "importance-count", "log k not subtracted",
        "model.bounds", "importance_weighted_bound",
        "torch.logsumexp(log_w, dim=dim) - math.log(log_w.shape[dim])",
        "torch.logsumexp(log_w, dim=dim)",
    ),
    # Bounds
    Mutant(
        "kl-sign", "the KL added to the reconstruction instead of subtracted",
        "model.bounds", "labelled_bound", "return log_lik - kl", "return log_lik + kl",
        ("03", "02", "04", "05"),
    ),
    Mutant(
        "label-kl-sign", "the label's KL added in (6)",
        "model.bounds", "unlabelled_bound",
        "return expected - categorical_kl(log_q, log_p)",
        "return expected + categorical_kl(log_q, log_p)",
        ("04", "05"),
    ),
    Mutant(
        "label-kl-forgotten", "the label's KL left out of (6)",
        "model.bounds", "unlabelled_bound",
        "return expected - categorical_kl(log_q, log_p)", "return expected",
        ("04", "05"),
    ),
    Mutant(
        "labels-averaged", "plain mean over labels, not weighted by q(y | x)",
        "model.bounds", "label_mean",
        "(q * of_y).sum(dim=-1)", "of_y.mean(dim=-1)",
        ("04", "05"),
    ),
    Mutant(
        "label-weights-detached", "q(y | x) cut off from the gradient of (6)",
        "model.bounds", "label_mean",
        "(q * of_y).sum(dim=-1)", "(q.detach() * of_y).sum(dim=-1)",
        ("04", "05"),
    ),
    Mutant(
        "class-bounds-detached", "the bound under each class cut off from (6)",
        "model.bounds", "label_mean",
        "(q * of_y).sum(dim=-1)", "(q * of_y.detach()).sum(dim=-1)",
        ("04", "05"),
    ),
    Mutant(
        "joint-mean", "mean instead of the sum over the unlabelled images in (7)",
        "model.bounds", "joint_bound",
        "labelled.sum() + unlabelled.sum()", "labelled.sum() + unlabelled.mean()",
        ("05",),
    ),
    Mutant(
        "joint-forgets", "the labelled images forgotten in (7)",
        "model.bounds", "joint_bound",
        "return labelled.sum() + unlabelled.sum()", "return unlabelled.sum()",
        ("05",),
    ),
    # Complementary images
    Mutant(
        "itself-inside", "x_n averaged into its own r_y",
        "training.sampling", "complementary_mean",
        "return (embeddings.sum(1)[y] - embeddings[y, out]) / m",
        "return embeddings.mean(1)[y]",
        ("03", "10", "02"),
    ),
    Mutant(
        "wrong-count", "the sum of m complementary images divided by m + 1",
        "training.sampling", "complementary_mean",
        "m = embeddings.shape[1] - 1", "m = embeddings.shape[1]",
        ("03", "10", "02"),
    ),
    Mutant(
        "not-left-out", "a random member left out even where x_n is in the pool",
        "training.sampling", "ComplementaryPools.left_out",
        "return torch.where(itself.any(1), itself.int().argmax(1), out)", "return out",
        ("10",),
    ),
    # Toys
    Mutant(
        "toy-itself-inside", "the toy's r_y made from the image itself too",
        "chapters.toys", "leave_one_out",
        "return complementary_mean(embeddings, torch.zeros_like(everyone), everyone)",
        "return embeddings[0].mean(0).expand_as(x)",
        ("03", "02", "05"),
    ),
    Mutant(
        "toy-covariance", "the toy's posterior without its prior",
        "chapters.toys", "LinearGaussian._precision",
        "return eye + self.W.T @ self.W / math.exp(self.log_var)",
        "return 1e-6 * eye + self.W.T @ self.W / math.exp(self.log_var)",
    ),
    Mutant(
        "toy-spread", "E_q log p(x | r, v) taken at the mean of q",
        "chapters.toys", "LinearGaussian.expected_log_lik",
        "return self.log_lik(x, r, mu) - 0.5 * spread",
        "return self.log_lik(x, r, mu)",
    ),
    Mutant(
        "toy-weights", "log q(v) added to an importance weight instead of subtracted",
        "chapters.toys", "log_weights",
        "return self.log_lik(x, r, v) + log_p - log_q",
        "return self.log_lik(x, r, v) + log_p + log_q",
    ),
    Mutant(
        "toy-r-detached", "r_y cut off from the gradient of the unlabelled bound",
        "chapters.toys", "unlabelled_elbo",
        "model.elbo(x[..., None, :], r_y, mu, log_var)",
        "model.elbo(x[..., None, :], r_y.detach(), mu, log_var)",
        ("05", "04"),
    ),
    Mutant(
        "toy-product", "the product's integral with N where N - 1 belongs",
        "chapters.toys", "gaussian_product_integral",
        "(1 + a / (N - 1)) ** (N - 1)", "(1 + a / N) ** N",
        ("03b",),
    ),
    # The sum over labels from one or two decodings
    Mutant(
        "label-sum-tempting",
        "1 - q_top, shared out in fixed proportions, for the weight of another label",
        "model.label_sum", "weight",
        "log_q[rows, other].exp() / probability",
        "(1 - log_q[rows].exp().amax(1)) * (log_q[rows, other].exp() / "
        "(1 - log_q[rows].exp().amax(1))).detach() / probability",
        ("12",),
    ),
    Mutant(
        "label-sum-detached", "the weight of another label without gradient",
        "model.label_sum", "weight",
        "log_q[rows, other].exp() / probability",
        "log_q[rows, other].exp().detach() / probability",
        ("12",),
    ),
    Mutant(
        "label-sum-kept", "the chance that an image's other label is decoded forgotten",
        "model.label_sum", "draw",
        "kept[rows] * s[rows, other])", "s[rows, other])",
        ("12",),
    ),
    *TRAINED,
    *FALSE_DATA,
)  # fmt: skip
