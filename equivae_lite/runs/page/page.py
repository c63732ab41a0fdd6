"""One static folder for one model: a live decoder, a reader's picture read and redrawn,
samples, exchanges, the bound.

`index.html` holds everything and opens from the folder (file://), without a network.
"""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from string import Template

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ... import ROOT, files
from ...data.sets import ImageSet, Pixels
from ...errors import CheckpointError
from ...evaluation.bound import latent_means
from ...model.equivae import EquiVAE
from ...training import checkpoints
from .. import own
from ..folders import MINE, Folder, of_reader
from .packed import pack

LIVE = ROOT / "book" / "live"
SHOWN = 26  # classes in the tables of pictures; the live figure has all of them
STYLES = 8  # rows of a table
LOOKED_AT = 1000  # test images from which the order of v's units is found
SHARE = 99  # % of them; a picture that goes further than these is called far


def write(name: str, seed: int = 0, folder: Folder = MINE) -> Path:
    """Write NAME/index.html below `folder`/pages; returns it.

    Raises CheckpointError if there is no such model, or its r_y is not of images.
    """
    home = of_reader(folder.root)
    holder = own.holder(name, seed, home, short=True)
    model, pixels, card = checkpoints.load(name, seed, holder.checkpoints)
    if model.class_r is None:
        raise CheckpointError(
            f"{name} has no r_y of its classes (it is an ablation, or was no bound): "
            "there is nothing to draw from"
        )
    test = own.load(card["data"]["name"], "test", LOOKED_AT, "cpu", home)
    text = content(name, seed, model, pixels, card, test, home)
    path = home.root / "pages" / name / "index.html"
    files.write(path, text.encode())
    return path


@torch.no_grad()
def content(
    name: str, seed: int, model: EquiVAE, pixels: Pixels, card: dict, test: ImageSet,
    folder: Folder,
) -> str:  # fmt: skip
    """The page as text."""
    arch = model.arch
    order, kept = _order(model, pixels, test)
    tensors = {"class_r": model.class_r, "image": torch.zeros(_shape(model))}
    for part in ("encoder", "posterior", "decoder"):
        tensors |= dict(getattr(model, part).named_parameters(prefix=part))
    tensors.pop("decoder.log_var", None)  # of no use to what is drawn
    tensors |= {f"pixels.{key}": value for key, value in pixels.state().items()}
    begin = {
        "names": list(test.names), "order": order, "r_dim": arch.r_dim,
        "v_dim": arch.v_dim, "y": 0, "far": far(model, pixels, test),
    }  # fmt: skip
    columns = torch.arange(min(test.classes, SHOWN))
    g = torch.Generator().manual_seed(0)
    v = torch.randn(STYLES, 1, arch.v_dim, generator=g)
    r = model.class_r[columns]
    samples = pixels.inverse(model.mean_image(r, v))
    rows = test.subset(torch.arange(min(STYLES, len(test))))
    v = latent_means(model, pixels, rows.images, model.class_r[rows.labels])[:, None]
    exchanged = pixels.inverse(model.mean_image(r, v))
    given = rows.images[:, None].float() / 255
    more = test.classes - len(columns)
    fields = {
        "name": name,
        "classes": test.classes,
        "facts": _facts(name, seed, card, folder),
        "columns": ", ".join(test.names[:SHOWN]) + (f" (and {more} more)" * (more > 0)),
        "styles": STYLES,
        "size": arch.size,
        "colour": "colour" if arch.colours == 3 else "grey",
        "kept": kept,
        "v_dim": arch.v_dim,
        "samples": _picture(samples),
        "exchanged": _picture(torch.cat([given, exchanged], dim=1)),
        "scripts": "\n".join(map(_script, SCRIPTS)),
    }
    template = Template(_read(Path(__file__).with_name("page.html")))
    return template.substitute(
        {k: v if k in RAW else html.escape(str(v)) for k, v in fields.items()},
        begin=json.dumps(begin).replace("<", "\\u003c"),
        weights=pack(tensors, {}),
    )


SCRIPTS = (LIVE / "weights.js", LIVE / "network.js", LIVE / "encoder.js",
           Path(__file__).with_name("picture.js"))  # fmt: skip
RAW = {"scripts", "samples", "exchanged"}  # no text of a reader's is in these


def _shape(model: EquiVAE) -> tuple[int, ...]:
    return model.decoder.image_shape


def _order(model: EquiVAE, pixels: Pixels, test: ImageSet) -> tuple[list[int], int]:
    """v's units, those first whose mean varies most over images; how many do vary."""
    some = test.subset(torch.arange(min(LOOKED_AT, len(test))))
    mu = latent_means(model, pixels, some.images, model.class_r[some.labels])
    spread = mu.var(dim=0)
    return spread.argsort(descending=True).tolist(), int((spread > 0.01).sum())


def far(model: EquiVAE, pixels: Pixels, test: ImageSet) -> dict:
    """How far SHARE % of test images stay, each read by itself as a picture given
    to the page is.

    `distance`: of r(x) = g(f(x)), (2) with m = 1, to the nearest r_y. `missed`: the sum
    over pixels from 0 to 1 of (x - x')^2, where x' is decoded from r(x) and the mean of
    q_cov(v | r(x), x), (3).
    """
    distances, missed = [], []
    for images in test.images[:LOOKED_AT].split(100):
        x = pixels.forward(images)
        r = model.encoder(x[:, None])
        again = pixels.inverse(model.mean_image(r, model.posterior(r, x)[0]))
        distances.append(torch.cdist(r, model.class_r).amin(dim=1))
        missed.append((images / 255 - again).square().sum(dim=(1, 2, 3)))
    limits = {"distance": torch.cat(distances), "missed": torch.cat(missed)}
    return {"share": SHARE, "images": min(len(test), LOOKED_AT)} | {
        key: float(f"{value.quantile(SHARE / 100):.4g}")
        for key, value in limits.items()
    }


def _facts(name: str, seed: int, card: dict, folder: Folder) -> str:
    """What is known of the model, in sentences: the card's, and the evaluation's."""
    words = [
        f"{card['parameters']:,} weights, trained for {card['seconds'] / 60:.1f} "
        f"minutes (seed {seed})."
    ]
    if not card.get("complete", True):
        words.append("It was cut short: this is no trained model.")
    m = card["metrics"]
    if "test_images" in m:
        words.append(
            f"The bound (4) on {m['test_images']:,} images that it was not trained "
            f"on: {m['test_bound']:.1f} ± {m['test_bound_error']:.1f} nats, of which "
            f"the KL of v takes {m['test_kl']:.1f}."
        )
    elif "test_error" in m:
        words.append(
            f"{100 * m['test_error']:.1f} % of the test images are read as another "
            "class."
        )
    found = (folder.read_result(name, seed) or {}).get("evaluation", {})
    if "nearest_class_error" in found:
        words.append(
            f"{100 * found['nearest_class_error']:.1f} % of the test images have an r "
            "nearest to that of another class."
        )
    return " ".join(words)


def _picture(rows: Tensor) -> str:
    """Images (rows, columns, C, H, W) in [0, 1], edge to edge: a PNG's address."""
    from torchvision.io import encode_png

    sheet = torch.cat([torch.cat([*row], dim=-1) for row in rows], dim=-2)
    big = interpolate(sheet[None], scale_factor=2)[0]
    data = encode_png((big.clamp(0, 1) * 255).round().byte()).numpy().tobytes()
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def _script(file: Path) -> str:
    return f"<script>\n{_read(file)}</script>"


def _read(path: Path) -> str:
    remedy = "the command `page` works in a clone of the book"
    return files.read(path, remedy).decode("utf-8")
