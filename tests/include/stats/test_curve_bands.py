"""Bands around curves: they hold the curve, widen where days differ, and ask for two blocks."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from include.stats.curve_bands import precision_recall_band, roc_band


def made(days, spread, rows=400, seed=3):
    random = np.random.default_rng(seed)
    block = np.repeat(np.arange(days), rows)
    label = random.integers(0, 2, days * rows)
    strength = 1 + spread * random.normal(size=days)
    return label, random.normal(size=days * rows) + label * strength[block], block


@pytest.mark.parametrize("spread", [0.0, 0.8])
def test_the_band_holds_the_curve(spread):
    label, score, block = made(20, spread)
    false, true, _ = roc_curve(label, score)
    band = roc_band(label, score, block, level=0.9, seed=1)
    curve = np.interp(band.at, false, true)
    assert ((band.low <= curve + 1e-9) & (curve - 1e-9 <= band.high)).mean() > 0.95
    precision, recall, _ = precision_recall_curve(label, score)
    band = precision_recall_band(label, score, block, level=0.9, seed=1)
    curve = np.interp(band.at, recall[::-1], precision[::-1])
    assert ((band.low <= curve + 0.01) & (curve - 0.01 <= band.high))[5:].mean() > 0.95


def test_days_that_differ_widen_the_band():
    widths = []
    for spread in (0.0, 0.8):
        band = roc_band(*made(20, spread), level=0.9, seed=1)
        widths.append(float((band.high - band.low).mean()))
    assert widths[1] > 2 * widths[0]


def test_ties_count_together():
    band = roc_band([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], [1, 1, 2, 2], level=0.9, seed=1)
    np.testing.assert_allclose(band.low, band.at)
    np.testing.assert_allclose(band.high, band.at)


@pytest.mark.parametrize("band", [roc_band, precision_recall_band])
@pytest.mark.parametrize(
    ("label", "blocks", "message"), [([0, 1], [1, 1], "1 block"), ([0, 0], [1, 2], "No draw")]
)
def test_too_little_is_refused(band, label, blocks, message):
    with pytest.raises(ValueError, match=message):
        band(label, [0.1, 0.2], blocks, level=0.9, seed=1)
