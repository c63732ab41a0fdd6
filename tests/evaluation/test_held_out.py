"""The bound on held-out training images: from which images, with which noise."""

import pytest
import torch

from equivae_lite.data.sets import Pixels, load
from equivae_lite.errors import DataError
from equivae_lite.evaluation.bound import Representations, noise_of
from equivae_lite.evaluation.held_out import held_out_terms
from equivae_lite.model.equivae import EquiVAE
from equivae_lite.model.networks import Architecture


@pytest.fixture(scope="module")
def parts():
    images = load("glyphs", "train", 230)
    return images.subset(torch.arange(200)), images.subset(torch.arange(200, 230))


@pytest.mark.parametrize("m_max", [3, 1000])
def test_terms_are_those_of_m_training_images_and_of_each_images_noise(parts, m_max):
    train, held_out = parts
    torch.manual_seed(0)
    model, pixels = EquiVAE(Architecture()).eval(), Pixels.unit()
    found = held_out_terms(model, pixels, train, held_out, m_max)
    smallest = int(torch.bincount(train.labels).min())
    rows = torch.arange(30)
    with torch.no_grad():
        r = Representations(model, pixels, train).draw(
            held_out.labels, rows, min(m_max, smallest)
        )
        eps = noise_of(rows, 1, 16)[:, 0]
        terms = model.terms(held_out.images / 255, r, eps)
    torch.testing.assert_close(found.bound, terms.bound)
    torch.testing.assert_close(found.kl, terms.kl)


def test_a_class_without_training_images_is_an_error(parts):
    train, held_out = parts
    rows = (train.labels != 4).nonzero().flatten()
    with pytest.raises(DataError, match=r"classes \[4\] have no training images"):
        held_out_terms(
            EquiVAE(Architecture()), Pixels.unit(), train.subset(rows), held_out, 7
        )
