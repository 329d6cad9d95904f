"""Results in words, from numbers put there by hand."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import numpy as np
import pytest
from conftest import lines, needs_jit

from numbaconc.certify import certify_at_counts, certify_counts, uniform_deviation
from numbaconc.cli import main
from numbaconc.cli.console import EXIT_DEGENERATE
from numbaconc.numerals import at_least, exact_percent, percent_at_least, percent_at_most, percent_left, strength
from numbaconc.results.files import open_results, save_results
from numbaconc.results.join import join_results
from numbaconc.results.layout import assemble
from numbaconc.results.queries import cases, certify_kept, degenerate, failures, select_case, with_classifier
from numbaconc.results.schema import SCHEMA, provenance
from numbaconc.show.certified import classifier_sentence, listed
from numbaconc.show.records import as_json
from numbaconc.show.words import bound_sentence, describe, provenance_lines


def result(
    risks,
    *,
    alpha=0.05,
    name="mnist",
    epsilon=0.3,
    n_sets=10,
    q_found=None,
    kept=None,
    n=10000,
    dimension=None,
    counts=None,
    n_compared=1,
):
    """A result by hand: risks are ((risk, adversarial risk) on train, the same on test) for each seed.

    Of counts, m + K for each seed, certificates at α are made.
    """
    rows = []
    at = {"dataset": name, "epsilon": epsilon, "T": n_sets}
    for seed, by_split in enumerate(risks):
        for split, (risk, adversarial) in zip(("train", "test"), by_split, strict=True):
            rows.append(at | {"seed": seed, "split": split, "risk": risk, "adversarial_risk": adversarial})
        rows.append(at | {"seed": seed, "q_found": 0.6 if q_found is None else q_found[seed]})
    least = int(np.argmin([train[1] for train, _ in risks])) if kept is None else kept
    rows.append(at | {"kept_seed": least} | ({} if dimension is None else {"vc_dimension": dimension}))
    rows += [{"dataset": name, "split": "train", "n_points": 60000}, {"dataset": name, "split": "test", "n_points": n}]
    rows += [at | {"seed": seed, "certified_count": count} for seed, count in enumerate(counts or [])]
    rows += [at | {"n_compared": n_compared}] if counts else []
    ds = assemble(rows).assign_coords(alpha=alpha).assign_attrs(norm="linf", seconds=1.5, created="now", search="faces")
    return certify_kept(ds) if counts else ds


ONE = result([((0.0512, 0.08), (0.0511, 0.0974))], counts=[1020])
PROVEN = certify_at_counts(1020, 10_000, 0.3, 0.05)


def test_the_bound_in_words():
    """The issue's example."""
    text = describe(ONE)
    assert "a set of measure 5.11% grows to at most 9.74% within ℓ∞ distance 0.3" in text
    assert "h(μ, 0.0511, 0.3) ≤ 0.0974" in text
    assert "robust on 90.26%" in text
    assert "this bounds" not in text


def test_the_table():
    lines = describe(ONE).splitlines()
    assert lines[0] == "mnist: 60,000 training and 10,000 test points"
    head = lines.index("faces, mnist, ℓ∞ ε = 0.3, α = 0.05, T = 10, q found 0.600")
    assert lines[head + 1] == f"  certified for mnist: {PROVEN.sentence}"  # first of all
    assert [line.split() for line in lines[head + 2 :] if line.startswith("  ")] == [
        ["train", "test"],
        ["risk", "5.12%", "5.11%"],
        ["adversarial", "risk", "8.00%", "9.74%"],
    ]


def test_the_issues_example_of_a_test_risk_below_alpha():
    text = describe(result([((0.0112, 0.07), (0.0097, 0.08))], alpha=0.01))
    assert "this bounds h at 0.97%, not 1%" in text


@pytest.mark.parametrize(
    ("risk", "alpha", "below"),
    [
        (500 / 10000, 0.05, False),
        (499 / 10000, 0.05, True),
        (3 / 10, 0.3, False),
        (7 / 100, 0.07, False),
        (0.0, 0.05, True),
        (1.0, 0.999, False),
    ],
)
def test_said_exactly_when_the_test_risk_is_below_alpha(risk, alpha, below):
    assert ("this bounds h at" in describe(result([((0.99, 1.0), (risk, 1.0))], alpha=alpha))) == below


@pytest.mark.parametrize(("risk", "alpha"), [(1301 / 26032, 0.05), (0.0099999, 0.01), (0.12699, 0.127)])
def test_a_bound_just_below_alpha_does_not_read_like_alpha(risk, alpha):
    """SVHN has 26,032 test points: "5.00%, not 5%" would say nothing."""
    found = re.search(
        r"this bounds h at ([\d.]+)%, not ([\d.]+)%", describe(result([((0.2, 0.3), (risk, 0.3))], alpha=alpha))
    )
    assert float(found[1]) < float(found[2])


def test_the_sentence_is_about_the_kept_region():
    """Not about the mean, nor about the region that is best on test."""
    risks = [((0.06, 0.10), (0.04, 0.11)), ((0.06, 0.09), (0.055, 0.12)), ((0.06, 0.11), (0.03, 0.08))]
    text = describe(result(risks))
    assert "a set of measure 5.50% grows to at most 12.00%" in text
    assert "this bounds" not in text
    assert "a set of measure 4.00% grows to at most 11.00%" in describe(result(risks, kept=0))
    assert "this bounds h at 4.00%, not 5%" in describe(result(risks, kept=0))


def test_restarts_are_a_mean_and_a_population_deviation():
    text = describe(result([((0.05, 0.10), (0.06, 0.2)), ((0.07, 0.14), (0.06, 0.3))], q_found=[0.5, 0.625]))
    assert re.search(r"^  risk +6\.00 ± 1\.00% +6\.00 ± 0\.00%$", text, re.MULTILINE)
    assert re.search(r"^  adversarial risk +12\.00 ± 2\.00% +25\.00 ± 5\.00%$", text, re.MULTILINE)
    assert "q found 0.500 to 0.625" in text
    assert "2 restarts" in text


def test_one_restart_has_no_deviation():
    assert "±" not in describe(ONE)
    assert "restarts" not in describe(ONE)


def test_json_is_plain_and_whole():
    risks = [((0.05, 0.10), (0.06, 0.2)), ((0.07, 0.14), (0.06, 0.3))]
    data = json.loads(json.dumps(as_json(result(risks, q_found=[0.5, 0.625])), allow_nan=False))
    (case,) = data["cases"]
    assert case["dataset"] == "mnist"
    assert (case["epsilon"], case["T"], case["alpha"]) == (0.3, 10, 0.05)
    assert case["risk_train"] == pytest.approx(0.06)
    assert case["risk_train_std"] == pytest.approx(0.01)
    assert case["adversarial_risk_test"] == pytest.approx(0.25)
    assert case["adversarial_risk_test_std"] == pytest.approx(0.05)
    assert case["q_found"] == [0.5, 0.625]
    assert case["kept_seed"] == 0
    assert case["bound"] == {"h_at": 0.06, "at_most": 0.2}
    assert data["attributes"]["norm"] == "linf"


def test_the_certificate_and_beside_it_the_uniform_bound():
    """The issue's example; the paper's bound is not left out where it says nothing."""
    risks = [((0.012, 0.013), (0.0125, 0.0135))]
    lines = describe(result(risks, alpha=0.01, dimension=1568)).splitlines()
    unmoved = certify_counts(125, 135, 10_000, 0.3)
    assert lines[-3] == f"For mnist: with the border where the search put it, by itself: {unmoved.sentence}."
    assert lines[-2] == (
        "For mnist: beside it, the paper's uniform bound (Theorem 3.3) at 60,000 points and VC dimension 1,568 "
        "allows a deviation of 6.07 ≥ 1: it says nothing."
    )
    assert "uniform bound" not in describe(result(risks))  # a file of before it was kept


@needs_jit
def test_the_uniform_bound_is_said_once():
    """However many cases it is the same for; once for each if it is not; never in a listing."""

    def cases_of(dimensions):
        parts = enumerate(dimensions, 1)
        return describe(
            join_results([result([((0.1, 0.2), (0.1, 0.2))], epsilon=i / 50, dimension=v) for i, v in parts])
        )

    assert cases_of([4] * 12).count("uniform bound") == 1
    assert cases_of([4] * 12).count("with the border where the search put it, by itself") == 12
    assert [f"VC dimension {v} " in cases_of([4, 9, 4]) for v in (4, 9)] == [True, True]
    assert cases_of([4, 9, 4]).count("uniform bound") == 2
    assert "uniform bound" not in cases_of([4] * 13)
    assert cases_of([4, None]).count("uniform bound") == 1


def test_the_certificate_in_json():
    risks = [((0.012, 0.013), (0.0125, 0.0135))]
    said = [as_json(result(risks, dimension=v))["cases"][0]["certificate"] for v in (1568, None)]
    proven = certify_counts(125, 135, 10_000, 0.3)
    for one in said:
        assert (one["confidence"], one["L"], one["U"]) == (0.95, proven.L, proven.U)
    assert said[0]["uniform_deviation"] == uniform_deviation(60_000, 1568)
    assert said[1]["uniform_deviation"] is None


def joined():
    """Two data sets, with an alpha, an epsilon and a number of seeds of their own."""
    first = result([((0.0112, 0.07), (0.0097, 0.08))], alpha=0.01)
    second = result(
        [((0.06, 0.1), (0.07, 0.2)), ((0.06, 0.1), (0.07, 0.2))], name="cifar10", epsilon=8 / 255, n_sets=40
    )
    return join_results([first, second])


def test_several_alpha_are_cases_of_their_own():
    pairs = [(0.01, 0.009), (0.05, 0.049)]
    ds = join_results([result([((0.06, 0.1), (risk, 0.11))], alpha=alpha) for alpha, risk in pairs])
    text = describe(ds)
    for alpha, below in (("0.01", "0.90%, not 1%"), ("0.05", "4.90%, not 5%")):
        assert f"faces, mnist, ℓ∞ ε = 0.3, α = {alpha}, T = 10, q found 0.600" in text.splitlines()
        assert f"this bounds h at {below}" in text
    assert [(case["alpha"], case["risk_test"]) for case in as_json(ds)["cases"]] == pairs


def test_what_the_best_of_several_was_chosen_from():
    """That of the kept restart."""
    risks = [((0.06, 0.10), (0.04, 0.11)), ((0.06, 0.09), (0.055, 0.12))]
    said = [f"faces of faces 6% → {seed}%" for seed in range(2)]
    ds = result(risks)
    ds["compared"] = ("dataset", "epsilon", "T", "seed"), np.array(said).reshape(1, 1, 1, 2)
    start = (
        "For mnist: on training points held back, faces was chosen from these (risk → adversarial risk): faces 6% → "
    )
    assert f"{start}1%." in describe(ds).splitlines()
    assert f"{start}0%." not in describe(ds)
    assert as_json(ds)["cases"][0]["compared"] == said


def test_where_no_region_has_a_training_risk_of_alpha():
    said = "No region with a training risk of α was found here."
    assert said in describe(result([((0.0499, 0.06), (0.055, 0.06))]))
    assert said not in describe(result([((0.05, 0.06), (0.055, 0.06))]))


def test_the_margin_that_was_settled_in_json():
    ds = result([((0.0512, 0.08), (0.0511, 0.0974))])
    assert as_json(ds)["cases"][0]["margin"] is None
    ds["margin"] = ("dataset", "epsilon", "T", "seed"), np.full((1, 1, 1, 1), 0.004)
    assert as_json(ds)["cases"][0]["margin"] == [0.004]


def test_what_was_not_measured_is_not_spoken_of():
    """Joining leaves holes: data sets have epsilon and T of their own."""
    assert [(case["dataset"], case["epsilon"], case["T"]) for case in cases(joined())] == [
        ("mnist", 0.3, 10),
        ("cifar10", 8 / 255, 40),
    ]
    text = describe(joined())
    assert "nan" not in text
    assert text.count("  adversarial risk  ") == 2
    assert "mnist, ℓ∞ ε = 0.3, α = 0.01, T = 10" in text
    assert "cifar10, ℓ∞ ε = 8/255, α = 0.05, T = 40" in text
    assert "this bounds h at 0.97%, not 1%" in text
    assert "not 5%" not in text


def test_json_of_what_was_not_measured():
    json.dumps(as_json(joined()), allow_nan=False)


def test_holes_are_not_restarts():
    """The number of restarts is that of the case, not that of the file."""
    heads = [line for line in describe(joined()).splitlines() if "α = " in line and ", T = " in line]
    assert "restarts" not in heads[0]
    assert "2 restarts" in heads[1]


def test_how_a_file_came_to_be():
    ds = ONE.assign_attrs(provenance(threads=2, data_verified="NOT the published contents"))
    lines = provenance_lines(ds)
    assert "threads: 2" in lines
    assert "data_verified: NOT the published contents" in lines
    assert any(line.startswith("command: ") for line in lines)
    assert any(re.fullmatch(r"created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", line) for line in lines)


def many(n_sets):
    parts = [
        result(
            [((0.06, 0.10), (0.05, 0.25)), ((0.08, 0.2), (0.05, 0.75))],
            n_sets=T,
            epsilon=epsilon,
            counts=[3000 + T, 9000],
            n_compared=14,
        )
        for T in n_sets
        for epsilon in (0.1, 0.3)
    ]
    return join_results(parts)


@pytest.mark.slow
def test_many_cases_are_listed():
    """One line a case, U and means over the restarts; a few cases have their sentences."""
    text = describe(many(range(1, 8)))
    table = [line.split() for line in text.splitlines()[2:17]]
    assert " ".join(table[0]) == "dataset ε T h ≤ risk train risk test adv. risk train adv. risk test"
    U = percent_at_most(certify_at_counts(3001, 10_000, 0.1, 0.05, n_compared=14).U)
    assert table[1] == ["mnist", "0.1", "1", U, "7.00%", "5.00%", "15.00%", "50.00%"]
    assert len({tuple(line[:3]) for line in table[1:]}) == 14
    assert (
        "certified for mnist: with 95% confidence h(μ, α, ε) is at most that, all together, if its test points" in text
    )
    assert "all together" not in describe(many(range(1, 9)))  # 16 certificates, each made as one of 14
    assert "grows to at most" not in text
    assert describe(many(range(1, 7))).count("grows to at most") == 12


def test_failures_are_counted_and_the_first_is_quoted():
    rows = [{"dataset": "mnist", "epsilon": 0.1, "T": T, "seed": 0} for T in (1, 2, 3)]
    ds = assemble(
        [rows[0] | {"split": split, "risk": 0.5, "adversarial_risk": 0.6} for split in ("train", "test")]
        + [row | {"error": f"ValueError: {row['T']}"} for row in rows[1:]]
    )
    assert failures(ds) == ["ValueError: 2", "ValueError: 3"]
    assert failures(ONE) == []
    text = describe(ds.assign_coords(alpha=0.05))
    assert "2 of the cases failed: ValueError: 2" in text.splitlines()
    assert "failed" not in describe(ONE)


def test_means_of_restarts_are_not_called_a_bound():
    """No set need have the mean of several risks: only one region's two numbers bound h."""
    risks = [((0.06, 0.10), (0.04, 0.11)), ((0.06, 0.09), (0.055, 0.12))]
    ds = result(risks)
    text = describe(ds.drop_vars("kept_seed"))
    assert "4.75" in text
    assert "h(μ, 0.0475" not in text
    assert text == describe(ds)  # the restart that is kept is found again: it was chosen on train


def test_what_is_estimated_is_not_said_as_a_fact():
    text = describe(ONE)
    assert (
        "estimated, by fractions of the test points, the risk rounded down and the adversarial risk up: a set of measure 5.11%"
        in text
    )
    assert "By this estimate concentration does not rule out" in text
    assert as_json(ONE)["cases"][0]["bound_is"] == "estimated by fractions of the test points"


def three(n_compared):
    risks = [((0.1, 0.2), (0.1, 0.2))]
    parts = [result(risks, epsilon=i / 50, counts=[2000 + i], n_compared=n_compared) for i in (1, 2, 3)]
    return join_results(parts)


def test_what_the_certificates_need_is_said_once():
    assert describe(ONE).count("independent draws from one distribution μ, as its training points are") == 1
    text = describe(three(1))
    assert text.count("independent draws") == 1
    assert "each by itself, not all together" in text
    assert text.count("  certified for mnist: with 95% confidence") == 3
    assert "all together" not in describe(ONE)


def test_certificates_that_hold_together_are_said_to():
    """Of several, each wrong in a share 1 / n_compared of 5%: as long as the shares are no more than all of it."""
    text = describe(three(3))
    assert "What is certified for mnist holds all together with 95% confidence, if its test points" in text
    assert as_json(three(3))["certified_together"]
    assert "each by itself, not all together" in describe(three(2))
    assert not as_json(three(2))["certified_together"]
    mixed = join_results([result([((0.1, 0.2), (0.1, 0.2))], name=name, counts=[2000], n_compared=2) for name in "ab"])
    assert "all together with" in describe(mixed)


def test_the_certificate_at_alpha_in_json():
    """Before the risks, and beside that of the border where the search put it."""
    entry = as_json(ONE)["cases"][0]
    m, K = PROVEN.m, 1020 - PROVEN.m
    said = {"confidence": 0.95, "n_compared": 1, "U": PROVEN.U, "m": m, "K": K, "tau": PROVEN.tau, "reason": ""}
    said |= {"uncertainty_at_least": None, "n_tied": 0}
    assert entry["certified"] == said
    assert list(entry).index("certified") < list(entry).index("risk_train")
    assert entry["certificate"]["L"] < 0.0511
    assert ONE["certified"].item() == PROVEN.U
    assert as_json(result([((0.06, 0.08), (0.06, 0.08))]))["cases"][0]["certified"] is None


def test_the_certificate_at_alpha_is_of_the_kept_restart():
    """The one of less training risk, whatever the counts are; of the others, in a slice that lost it."""
    risks = [((0.06, 0.10), (0.06, 0.10)), ((0.06, 0.09), (0.06, 0.12))]
    ds = result(risks, counts=[1000, 1300])
    assert ds["certified"].item() == certify_at_counts(1300, 10_000, 0.3, 0.05).U
    assert f"  certified for mnist: {certify_at_counts(1300, 10_000, 0.3, 0.05).sentence}" in describe(ds).splitlines()
    other = ds.sel(seed=[0])
    assert (
        f"  certified for mnist: {certify_at_counts(1000, 10_000, 0.3, 0.05).sentence}" in describe(other).splitlines()
    )


def test_where_nothing_is_certified_at_alpha_it_says_why():
    risks = [((0.06, 0.08), (0.06, 0.08))]
    assert "  nothing is certified for mnist at α: the file holds no such certificate" in describe(result(risks))
    few = result([((0.96, 0.98), (0.96, 0.98))], alpha=0.95, n=50, counts=[50])
    assert "  nothing is certified for mnist at α: for that, 50 test points are too few" in describe(few)
    everything = describe(result(risks, counts=[10_000]))
    assert "h(μ, 0.05, 0.3) ≤ 1.0000 (which says nothing: all 10,000 test points" in everything
    assert "certified" not in describe(result(risks).drop_vars("n_points"))


def test_that_the_best_of_several_may_be_tighter():
    """Said of every search but the best of several."""
    said = "Found for mnist by faces alone; --search best compares all searches of a norm"
    for ds in (ONE, many(range(1, 8))):
        assert describe(ds).splitlines()[-1].startswith(said)
        assert as_json(ds)["note"].startswith(said)
    best = ONE.assign_attrs(search="best")
    assert "compares all searches" not in describe(best)
    assert as_json(best)["note"] is None
    both = join_results([ONE, best])
    assert both.sizes["search"] == 2
    assert as_json(both)["note"] is None


def test_a_classifier_beside_what_is_certified(tmp_path):
    """The issue's sentence; also when the file is shown again, and joined with others."""
    ds = with_classifier(ONE, 0.737)
    robust = percent_left(PROVEN.U)
    said = (
        f"For mnist: at a clean error of 5%, with 95% confidence concentration does not rule out a robust accuracy of {robust}; "
        f"this classifier has 73.7%. Of its adversarial risk, 26.3%, concentration explains at most "
        f"{percent_at_most(PROVEN.U)} and leaves at least {percent_at_least(0.263 - PROVEN.U)} unexplained: "
        f"{percent_at_least(1 - PROVEN.U / 0.263)} of it."
    )
    save_results(ds.assign_attrs(schema=SCHEMA), tmp_path / "a.nc")
    elsewhere = result([((0.1, 0.2), (0.1, 0.2))], name="other", counts=[2000])
    for one in (ds, open_results(tmp_path / "a.nc"), join_results([ds, elsewhere])):
        assert said.removeprefix("For mnist: ") in "".join(describe(one))
        assert as_json(one)["cases"][0]["classifier"] == {
            "clean_error": 0.05,
            "robust_accuracy": 0.737,
            "adversarial_risk": 0.263,
            "not_ruled_out": 1 - PROVEN.U,
            "unexplained": 1 - PROVEN.U / 0.263,
        }
    assert as_json(join_results([ds, elsewhere]))["cases"][1]["classifier"] is None


@pytest.mark.parametrize(
    ("U", "accuracy", "words"),
    [
        (0.0789, 0.737, ["a robust accuracy of 92.11%; this classifier has 73.7%", "explains at most 7.89%"]),
        (
            0.07891,
            0.737,
            ["a robust accuracy of 92.10%", "explains at most 7.90%", "at least 18.40% unexplained: 69.99%"],
        ),
        (0.3, 0.737, ["a robust accuracy of 70.00%; this classifier has 73.7%", "shows no part to be unexplained"]),
        (1.0, 0.737, ["Nothing is certified at a clean error of 6.3%", "robust accuracy is 73.7%"]),
    ],
)
def test_what_is_said_of_a_classifier_is_true_as_it_stands(U, accuracy, words):
    said = classifier_sentence(U, 0.063, accuracy)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("alpha", "epsilon", "said"),
    [
        (0.0500001, 0.3, "α = 0.0500001,"),
        (0.05, 0.12345678, "ε = 0.12345678,"),
        (0.05, 8 / 255, "ε = 8/255,"),
        (0.05, 0.1 + 0.2, "ε = 0.30000000000000004,"),
    ],
)
def test_numbers_read_back_as_the_same(alpha, epsilon, said):
    ds = result([((0.06, 0.08), (0.04, 0.08))], alpha=alpha, epsilon=epsilon)
    text = describe(ds)
    assert said in text
    assert f"this bounds h at 4.00%, not {exact_percent(alpha)}" in text
    assert f"h(μ, {at_least(0.04)}, {strength(epsilon)})" in text


def test_where_the_test_points_had_a_part_nothing_is_certified():
    """A file says so: it has no L, or no U at alpha, where it has others."""
    assert "certified for mnist: with" in describe(ONE)
    unmoved = ONE.assign(measure_at_least=ONE["measure_at_least"] * np.nan)
    assert describe(unmoved).count("with 95% confidence") == 1
    assert "certified for mnist: with" in describe(unmoved)
    without = unmoved.assign(certified=ONE["certified"] * np.nan)
    assert "with 95% confidence" not in describe(without)
    assert "  nothing is certified for mnist at α: " in describe(without)
    assert "nothing is certified: the test points had a part" in describe(without)
    assert [as_json(without)["cases"][0][name] for name in ("certificate", "certified")] == [None, None]


def test_shares_that_are_no_counts_certify_nothing():
    """As means over seeds are, which are no region's."""
    assert "with 95% confidence" not in describe(result([((0.06, 0.08), (0.05115, 0.08))]))


@pytest.mark.parametrize(
    ("risks", "words"),
    [
        (((0.04, 0.08), (0.05, 0.08)), "No region with a training risk of α was found here."),
        (((0.06, 0.08), (0.0, 0.7)), "no test point lies in the region: its measure may be 0, which says nothing."),
        (((0.0, 0.08), (0.0, 0.7)), "No region with a training risk of α was found here."),
        (((0.06, 1.0), (0.06, 1.0)), None),
        (((0.06, 0.08), (0.04, 0.08)), None),
    ],
)
def test_what_is_no_answer(risks, words):
    """An expansion that holds everything is one, and says nothing; so is a test risk below alpha."""
    ds = result([risks])
    assert len(degenerate(ds)) == (words is not None)
    assert as_json(ds)["cases"][0]["degenerate"] == (words is not None)
    if words is not None:
        assert words in describe(ds)
    assert ("a bound of 1 says nothing" in describe(ds)) == (risks[1][1] == 1)


def test_a_risk_that_is_alpha_but_for_rounding_is_an_answer():
    assert degenerate(result([((0.3, 0.4), (0.3, 0.4))], alpha=0.1 + 0.2)) == []


def test_a_listing_says_how_many_cases_are_no_answer():
    few = [result([((0.01 * i, 0.2), (0.1, 0.2))], epsilon=i / 50) for i in range(1, 15)]
    assert "4 of 14 cases bound nothing at α" in describe(join_results(few))


HOSTILE = "\x1b]0;owned\x07\r\nsecond line\u202e\x9b\udc80"


def named(text):
    ds = result([((0.06, 0.08), (0.05, 0.08))], name=text).assign_attrs(command=text, search=text)
    ds["compared"] = ("dataset", "epsilon", "T", "seed"), np.full((1, 1, 1, 1), text)
    return ds


def test_names_are_data():
    """Escapes, line ends, changes of direction and halves of characters are written, not sent."""
    ds, whole = named(HOSTILE), named(HOSTILE[:-1])  # pandas, beside pyarrow, has no index of halves of characters
    many = join_results([whole.assign_coords(epsilon=[i / 50]) for i in range(1, 15)])
    for text in (describe(ds), describe(many), *provenance_lines(ds)):
        assert all(line.isprintable() for line in text.split("\n"))
        assert "\nsecond" not in text
        text.encode()
    json.dumps(as_json(ds)).encode()


# At the command line


@needs_jit
@pytest.mark.parametrize("json_too", [False, True])
def test_a_region_of_too_little_risk_ends_with_status_3(tmp_path, monkeypatch, capsys, json_too):
    """Nearly everything is covered by two boxes at q = .99: too little is left outside."""
    monkeypatch.chdir(tmp_path)
    options = ["--q", "0.99", "--alpha", "0.2", "--max-train", "200", "--quiet", *(["--json"] if json_too else [])]
    assert main(["measure", *options]) == EXIT_DEGENERATE == 3
    out, err = capsys.readouterr()
    assert lines(err) == [
        "no region of enough risk was found: the training risk is below α, or no test point lies in the region"
    ]
    if json_too:
        assert json.loads(out)["cases"][0]["degenerate"] is True
    else:
        assert "No region with a training risk of α was found here." in out
    assert (tmp_path / "digits-linf.nc").exists()
    capsys.readouterr()
    assert main(["show", "digits-linf.nc"]) == 0  # it shows what there is


def test_nothing_but_characters_to_be_seen_reaches_the_terminal(tmp_path, capsys):
    ds = ONE.assign_coords(dataset=["\x1b]0;owned\x07"]).assign_attrs(provenance(command="\x1b[8m\rnumbaconc measure"))
    save_results(ds.assign_attrs(schema=SCHEMA, norm="linf"), tmp_path / "r.nc")
    assert main(["show", str(tmp_path / "r.nc")]) == 0
    assert main(["show", str(tmp_path / "\x1b[31m\x9b\u202e.nc")]) == 2
    with pytest.raises(SystemExit):
        main(["show", "--\x1b[31m", "a.nc"])
    out, err = capsys.readouterr()
    assert all(line.isprintable() for line in [*out.split("\n"), *err.split("\n")])
    assert "\\x1b]0;owned\\x07" in out


@pytest.mark.parametrize("risk", [0.0474, 0.0499, 0.04999, 0.0499999999])
def test_what_a_risk_below_alpha_bounds_is_never_rounded_up(risk):
    """h(μ, risk, ε) bounds h at what is at most the risk."""
    ds = ONE.copy(deep=True)
    ds["risk"].loc[{"split": "test"}] = risk
    (case,) = cases(ds)
    (at,) = re.findall(r"this bounds h at ([\d.]+)%, not 5%", bound_sentence(select_case(ds, case), case))
    assert risk - 1e-4 < float(at) / 100
    assert Decimal(at) / 100 <= Decimal(repr(risk))


def test_one_certificate_alone_is_not_together():
    """Of a list with one certificate, nothing holds all together or each by itself; of two, one of these."""
    assert "together" not in listed([PROVEN])
    assert "itself" not in listed([PROVEN])
    assert "each by itself" in listed([PROVEN, PROVEN])
