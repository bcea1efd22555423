"""What somebody brings, as far as it can be checked before any job starts."""

from pathlib import Path

import numpy as np
import pytest
from brought import COLORS, config, write_csv, write_picture

from redress.plan.checks import ConfigError
from redress.plan.corrections import Corrections

pytestmark = pytest.mark.usefixtures("here")


def refusal(**changes):
    with pytest.raises(ConfigError) as caught:
        Corrections(config(**changes))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("corrections.mine.")


def bad_of(**changes):
    """Ids and true labels of the bad samples, and their groups."""
    case = Corrections(config(**changes)).case("mine")
    ids = [case.training.ids[sample] for sample in case.bad.samples]
    return ids, case.bad.true_labels.tolist(), case.bad.groups


def lines(*names):
    Path("bad.csv").write_text("\n".join(names), encoding="utf-8")


def write_table(rows, columns=("id", "true_label", "group")):
    write_csv(Path("bad.csv"), columns, rows)


def write_rows(name, rows, columns=("id", "path", "label")):
    write_csv(Path(name), columns, rows)


def test_eight_lines_are_a_scenario_with_all_of_s_f_and_each_fold_left_out():
    plan = Corrections(config())
    assert [run.names for run in plan.runs()] == [
        {"dataset": "mine", "manipulation": "brought", "n": 10, "seed": 0}
    ]
    assert [cell.discovery for cell in plan.deletion_sets("mine")] == [
        "known",
        *(f"fold{k}" for k in range(5)),
    ]
    anew = {"eu", "sift"}  # they cannot train again by a recipe that nobody knows
    assert not anew & {*plan.methods_of("mine")}
    assert anew <= {*Corrections(config(recipe={"steps": 5})).methods_of("mine")}


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("unknown", "float32"),
        ({"steps": 5}, "float32"),
        ({"steps": 5, "precision": "bfloat16"}, "bfloat16"),
    ],
)
def test_a_model_of_ones_own_is_float32_unless_told_otherwise(recipe, expected):
    plan = Corrections(config(recipe=recipe))
    assert f'"precision": "{expected}"' in plan.probe_job("mine")
    assert plan.case("mine").recipe.precision == expected


def test_methods_that_all_train_anew_are_none_where_the_recipe_is_unknown():
    told = r"^corrections\.mine\.recipe: is unknown, and all methods \(eu, sift\) train as the model was"
    with pytest.raises(ConfigError, match=told):
        Corrections({**config(), "methods": {"eu": {}, "sift": {}}})
    Corrections({**config(recipe={"steps": 5}), "methods": {"eu": {}, "sift": {}}})


def test_a_config_is_an_experiment_or_corrections():
    with pytest.raises(ConfigError, match=r"^seeds: cannot stand beside `corrections`"):
        Corrections({**config(), "seeds": [0]})
    with pytest.raises(ConfigError, match=r"^corrections\.mine\.weight: unknown key"):
        Corrections(config(weight="weights.pt"))


# The bad list


def test_a_list_is_one_id_a_line_or_a_table_with_true_labels_and_groups():
    lines("red/03.png", "", "green/00.png")
    assert bad_of() == (["red/03.png", "green/00.png"], [-1, -1], None)
    rows = [["red/03.png", "green", "left"], ["green/00.png", "", "right"]]
    write_table(rows)
    assert bad_of() == (["red/03.png", "green/00.png"], [1, -1], ("left", "right"))


def test_lists_of_cleanlab_and_fiftyone_are_known_by_their_columns(here):
    rows = [["red/03.png", "True", "0.1"], ["red/04.png", "False", "0.9"]]
    write_table(rows, ("", "is_label_issue", "label_score"))
    assert bad_of()[0] == ["red/03.png"]
    rows = [[str(here / "train/red/03.png"), "train,mistake"], ["red/05.png", "train"]]
    write_table(rows, ("filepath", "tags"))
    assert bad_of(bad_tag="mistake")[0] == ["red/03.png"]
    assert bad_of()[0] == ["red/03.png", "red/05.png"]
    write_table([["0", "True"], ["1", "False"]], ("", "is_label_issue"))
    assert "names samples by row numbers" in refusal()


def test_a_table_that_is_none_and_a_column_that_is_nearly_one_are_told():
    lines("path,true_label", "red/03.png,green")
    assert refusal().endswith("'path,true_label' is no id; a table has a column 'id' or 'filepath'")
    lines("id;true_label", "red/03.png;green")
    assert refusal().endswith("and values that are parted by commas")
    write_table([["red/03.png", "green"]], ("id", "true_labels"))
    assert refusal().endswith("a column 'true_labels' says nothing; is it 'true_label'?")


def test_an_id_that_is_not_there_is_answered_with_the_three_nearest():
    lines("red/3.png")
    told = refusal()
    assert told.startswith("bad: bad.csv: 'red/3.png' is not the id of a training picture; the nearest are ")
    assert told.count("red/") == 4
    assert "red/03.png" in told


def test_an_id_without_its_folder_is_answered_with_those_of_its_name(here):
    (here / "train/red/03.png").rename(here / "train/red/bird_3.png")
    lines("bird_3.png", "green/00.png", "bird_4.png")
    problem = "'bird_3.png' is not the id of a training picture; of this name there is red/bird_3.png"
    assert refusal() == f"bad: bad.csv: 2 of 3 ids are not there: {problem}"
    lines("blue/05.png")
    told = refusal()
    assert told.startswith("bad: bad.csv: 'blue/05.png' is not the id of a training picture; of this name ")
    assert {*told.rpartition(" there are ")[2].split(", ")} == {f"{one}/05.png" for one in COLORS}
    rows = [[f"{at}", f"red/{at:02}.png", "red"] for at in range(3)]
    write_rows("t.csv", rows)
    lines("02.png")
    told = refusal(training={"manifest": "t.csv", "root": "train"}, classes=[*COLORS])
    assert told.endswith("; of this name there is 2")


def test_ids_are_there_once_and_not_in_validation_and_not_outside():
    lines("red/03.png", "train/red/03.png")
    assert refusal() == "bad: bad.csv: names 'red/03.png' 2 times"
    lines("validation/red/00.png")
    assert "is not the id of a training picture" in refusal()
    lines("../secret.png")
    assert refusal() == "bad: bad.csv: '../secret.png' leads out of the pictures' folder, train"
    lines("")
    assert refusal() == "bad: bad.csv: names no sample"
    manifest = [["v0", "../validation/red/00.png", "red"]]
    write_rows("t.csv", manifest)
    told = refusal(training={"manifest": "t.csv", "root": "train"})
    assert (
        told == "training: t.csv, line 2: ../validation/red/00.png leads out of the pictures' folder, train"
    )


def test_a_validation_picture_is_no_bad_sample_and_no_training_picture():
    rows = [
        [f"{part}-{name}-{n}", f"{part}/{name}/{n:02}.png", name]
        for part in ("train", "validation")
        for name in COLORS
        for n in range(5)
    ]
    write_rows("all.csv", [[*row, row[0].split("-")[0]] for row in rows], ("id", "path", "label", "split"))
    parts = {
        key: {"manifest": "all.csv", "split": part}
        for key, part in (("training", "train"), ("validation", "validation"))
    }
    lines("validation-red-3")
    assert "'validation-red-3' is a validation picture" in refusal(**parts)
    lines("train-red-3")
    assert bad_of(**parts)[0] == ["train-red-3"]
    assert "15 of its pictures are training pictures" in refusal(
        training=parts["training"], validation=parts["training"]
    )


def test_a_class_that_the_list_holds_wholly_stops_the_run_unless_it_is_meant():
    lines(*(f"red/{n:02}.png" for n in range(12)))
    assert refusal().startswith("bad: names (nearly) all training pictures of red")
    assert Corrections(config(allow_class_removal=True)).cases == ["mine"]


def test_of_a_complete_list_the_judge_is_told_who_has_never_seen_it():
    methods = {
        "eu": {"grid": {"k": 1}},
        "anew": {"use": "eu"},
        "sift": {},
        "relabel": {"expansion": "learned"},
    }
    methods |= {"npo": {}}
    own = {"methods": methods, "expansions": {"learned": {}}}
    recipe = {"steps": 5}
    plan = Corrections({**config(recipe=recipe, bad_complete=True), **own})
    for told in (plan.judge_job("mine"), plan.choose_job("mine"), plan.shortlist_job("mine")):
        assert """--unseen '[["anew", "default"], ["sift", "default"]]'""" in told
    assert "--unseen" not in Corrections({**config(recipe=recipe), **own}).judge_job("mine")


def test_too_few_bad_samples_give_ranks_and_no_folds():
    lines(*(f"red/{n:02}.png" for n in range(9)))
    plan = Corrections(config())
    assert [cell.discovery for cell in plan.deletion_sets("mine")] == ["known"]
    assert "9 bad samples are fewer than 10" in next(plan.warnings())


@pytest.mark.parametrize("names", [("0", "17", "23"), ("index", "0", "17"), ("0.0", "17.0")])
def test_row_numbers_are_no_ids_and_are_answered_with_an_example_of_one(names):
    lines(*names)
    told = (
        f"'{names[-1]}' is no id: ids are those of the pictures and never row numbers; 'dark/00.png' is one"
    )
    assert refusal().startswith(f"bad: bad.csv: {told}")


# Suspects, and what grows the list


def test_suspects_are_ranked_by_a_block_or_a_file_of_expansions_or_not_at_all():
    plan = Corrections(config())
    assert plan.expansions == [plan.case("mine").ranking]
    assert plan.ranked("mine").path("deletion_set").endswith("/learned/known/1.0.safetensors")
    own = {**config(suspects={"expansion": "near"}), "expansions": {"near": {"use": "neighbours", "k": 3}}}
    told = Corrections(own).expand_job(Corrections(own).ranked("mine"))
    assert '"k":3' in told.replace(" ", "")
    none = Corrections(config(suspects={"number": 0}))
    assert (none.suspicious, none.expansions) == ([], [])
    assert "--suspicious" not in none.judge_job("mine")


def test_a_ranking_that_is_not_there_is_told_in_a_line():
    told = refusal(suspects={"expansion": "neighbors"})
    assert told.startswith("suspects.expansion: there is no expansions/neighbors.py, did you mean 'neighbo")
    assert refusal(suspects={"number": -1}) == "suspects.number: -1 is out of range: at least 0"
    with pytest.raises(ConfigError, match=r"^expansions\.near\.k: 0 is not allowed"):
        Corrections({**config(), "expansions": {"near": {"use": "neighbours", "k": 0}}})
    with pytest.raises(ConfigError, match=r"^methods\.npo\.expansion: expansions has no block 'near'"):
        Corrections({**config(), "methods": {"npo": {"expansion": "near"}}})


def test_a_method_may_run_on_grown_lists_of_which_each_is_grown_without_its_part():
    own = {"npo": {}, "npo_grown": {"use": "npo", "expansion": "neighbours"}}
    plan = Corrections({**config(), "methods": own, "expansions": {"neighbours": {}}})
    blocks = [block for block in plan.blocks_of("mine") if block.method == "npo_grown"]
    assert {block.discovery for block in blocks} == {"known", *(f"fold{k}" for k in range(5))}
    assert {block.expansion for block in blocks} == {"neighbours"}
    assert '"npo_grown": "neighbours"' in plan.repair_job("mine")


# Pictures and classes


def test_paths_may_have_spaces_and_umlauts_and_labels_be_numbers(here):
    write_picture(here / "train" / "Grün & Rot" / "ein Bild, größer.png", np.full((3, 5, 3), 90))
    write_rows("t.csv", [["a", "Grün & Rot/ein Bild, größer.png", "2"], ["b", "red/01.png", "red"]])
    lines("a")
    case = Corrections(
        config(
            training={"manifest": "t.csv", "root": "train"},
            classes=["dark", "green", "red"],
            allow_class_removal=True,
        )
    ).case("mine")
    assert case.training.ids == ("a", "b")
    assert case.training.labels.tolist() == [2, 2]


def test_classes_are_those_of_the_folders_in_alphabetical_order_or_as_told(here):
    assert Corrections(config()).case("mine").classes == list(COLORS)
    (here / "classes.txt").write_text("red\ngreen\ndark\n")
    case = Corrections(config(classes="classes.txt")).case("mine")
    assert case.classes == ["red", "green", "dark"]
    assert case.training.labels[case.training.at["red/00.png"]] == 0
    assert "there is no class 'dark'" in refusal(classes=["red", "green"])


def test_a_label_that_no_class_has_is_answered_with_one_that_is_alike_even_if_short():
    write_table([["red/03.png", "gren", ""]])
    told = "there is no class 'gren', did you mean 'green'? classes are dark, green, red"
    assert refusal() == f"bad: bad.csv, red/03.png: {told}"
    write_table([["red/03.png", "rde", ""]])
    assert "there is no class 'rde', did you mean 'red'?" in refusal()
    write_table([["red/03.png", "blue", ""]])
    assert "there is no class 'blue'; classes" in refusal()


def test_short_labels_of_training_alone_may_be_alike():
    lines("0")
    own = {"training": labelled("train", "bird", "bard"), "validation": labelled("validation", "bird")}
    assert Corrections(config(**own, allow_class_removal=True)).case("mine").classes == ["bard", "bird"]


@pytest.mark.parametrize("names", [("train", "val"), ("first", "second")])
def test_a_folder_one_too_high_is_told_so(here, names):
    (here / "data").mkdir()
    for part, name in zip(("train", "validation"), names, strict=True):
        (here / part).rename(here / "data" / name)
    first, second = ({"folder": f"data/{name}"} for name in names)
    told = f"classes are {names[0]}, {names[1]}: is the folder data one too high?"
    assert refusal(training={"folder": "data"}, validation=second) == f"training: {told}"
    assert refusal(training=first, validation={"folder": "data"}) == f"validation: {told}"
    assert refusal(training={"folder": "data"}, validation=second, classes=[*COLORS]) == f"training: {told}"


def labelled(name, *labels):
    """A manifest of some training or validation pictures with these labels."""
    rows = [[f"{at}", f"red/{at:02}.png", label] for at, label in enumerate(labels)]
    write_rows(f"{name}.csv", rows)
    return {"manifest": f"{name}.csv", "root": name}


@pytest.mark.parametrize(
    ("training", "validation", "told"),
    [
        (
            ["0", "1", "10"],
            ["cat", "dog"],
            "training: labels are numbers (0, 1, 10), and those of validation names (cat, dog): name the",
        ),
        (
            ["cat", "dog"],
            ["1", "2"],
            "training: labels are names (cat, dog), and those of validation numbers (1, 2): name the classes",
        ),
        (
            ["aeroplane", "aeroplan", "cat"],
            ["aeroplane", "cat"],
            "training: 'aeroplan', the label of 1, is in training alone: did you mean 'aeroplane'? If it is",
        ),
        (
            ["aeroplane", "cat"],
            ["Aeroplane", "cat"],
            "validation: validation.csv, 0: there is no class 'Aeroplane', did you mean 'aeroplane'? classes",
        ),
    ],
)
def test_labels_that_do_not_agree_are_told_before_any_job(training, validation, told):
    parts = {"training": labelled("train", *training), "validation": labelled("validation", *validation)}
    assert refusal(**parts).startswith(told)


def test_labels_may_be_alike_by_number_and_stand_in_training_alone_where_classes_are_given():
    lines("0")
    parts = {"validation": labelled("validation", "n1", "n1"), "allow_class_removal": True}
    plan = Corrections(config(training=labelled("train", "n1", "n2"), **parts))
    assert "validation: has no picture of n2; is it a class?" in [*plan.warnings()][1]
    own = {"training": labelled("train", "cat", "cats"), "validation": labelled("validation", "cat")}
    assert refusal(**own).startswith("training: 'cats', the label of 1, is in training alone")
    assert Corrections(config(**own, classes=["cat", "cats"], allow_class_removal=True)).cases == ["mine"]
    by_number = {"training": labelled("train", "cat", "dog"), "validation": labelled("validation", "1")}
    assert Corrections(config(**by_number, allow_class_removal=True)).case("mine").validation.labels == [1]


def model(factory="net.py:Net", weights="weights.pt"):
    return {"model": {"factory": factory, "weights": weights}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"training": {"folder": "trian"}}, "training: trian: no such folder"),
        ({"training": {"folder": "train", "manifest": "t.csv"}}, "training: give either folder or manifest"),
        ({"training": {"folder": "train", "split": "a"}}, "training: split is for a manifest, and here is a"),
        ({"bad": "worse.csv"}, "bad: worse.csv: No such file"),
        (
            {"expect": {"validation_accuracy": 91}},
            "expect.validation_accuracy: 91 is out of range: at most 1; did you mean 0.91?",
        ),
        (model(weights="w.pt"), "model: weights w.pt: no such file"),
        (model(weights="net.py"), "model: weights net.py: not known by its ending"),
        (model("nets.py:Net"), "model: factory nets.py:Net: there is no nets.py"),
        (model("no.module:Net"), "model: factory no.module:Net: there is no no/module.py"),
        (
            {"preprocess": {"size": 8, "mean": [125, 123, 114]}},
            "preprocess.mean[0]: 125 is out of range: at most 1; did you mean 125/255 = 0.49?",
        ),
        (
            {"preprocess": {"size": 8, "std": [0.2, 0.2, 58.4]}},
            "preprocess.std[2]: 58.4 is out of range: at most 1; did you mean 58.4/255 = 0.23?",
        ),
        (
            {"preprocess": {"size": 8, "mean": [0, 0, -0.1]}},
            "preprocess.mean[2]: -0.1 is out of range: at least 0",
        ),
        (
            {"preprocess": {"size": 8, "std": [1, 0, 1]}},
            "preprocess.std[1]: 0 is out of range: more than 0",
        ),
        (
            model("net.py:Nett"),
            "model: factory net.py:Nett: net.py has no 'Nett', did you mean 'Net'? it has Net,",
        ),
        (model("net:build"), "model: factory net:build: net.py has no 'build'; it has Net, Pair,"),
        (
            model("net.py"),
            "model: factory net.py: needs the name of what makes the network after a colon: net.py:N",
        ),
        (
            model("net.py:"),
            "model: factory net.py:: needs the name of what makes the network after a colon: net.py:",
        ),
        (
            model("lost.py"),
            "model: factory lost.py: needs the name of what makes the network after a colon: lost.py:",
        ),
        (
            model("resnet18"),
            "model: factory resnet18: needs the name of what makes the network after a colon: `file",
        ),
        (model("a:b:c"), "model: factory a:b:c: is not allowed: `file.py:function`, `module:function`, "),
        (
            model("redress:resnet"),
            "model: factory redress:resnet: there is no 'resnet', did you mean 'resnet9'?",
        ),
        ({"preprocess": {"size": 8, "mean": [0.5]}}, "preprocess.mean: 1 numbers, 3 are needed"),
        ({"preprocess": {"size": 8, "interpolation": "cubic"}}, "preprocess.interpolation: 'cubic' is not"),
        (
            {"recipe": "forgotten"},
            "recipe: 'forgotten' is not allowed: unknown or a block of keys such as `{steps: 1000}`",
        ),
        (
            {"recipe": "unknwon"},
            "recipe: 'unknwon' is not allowed, did you mean 'unknown'? allowed: unknown or a block of keys ",
        ),
        (
            {"preprocess": {"size": 8, "color": "gray"}},
            "preprocess.color: 'gray' is not allowed, did you mean 'grey'? allowed: rgb or bgr or grey",
        ),
        (
            {"training": "data/train"},
            "training: 'data/train' is not a block of keys: write `{folder: data/train}`",
        ),
        ({"training": "t.csv"}, "training: 't.csv' is not a block of keys: write `{manifest: t.csv}`"),
        ({"training": "folder:t"}, "training: 'folder:t' is not a block of keys: a space has to follow its"),
        ({"training": None}, "training: is empty: a block of keys is needed"),
        ({"bad": None}, "bad: is empty: text is needed"),
        ({"methods": {"npo": {}}}, "`methods` stands beside `corrections`, not in it: indent it as `corr"),
    ],
)
def test_what_else_cannot_be_is_told_in_a_line(changes, told):
    assert refusal(**changes).removeprefix("corrections.mine: ").startswith(told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"corrections": None}, r"corrections: is empty: a block of keys is needed"),
        ({"corrections": [config()["corrections"]]}, r"corrections: \[\{.{58}\.\.\. is not a block of keys"),
        (config(training=None), r"corrections\.mine\.training: is empty: a block of keys is needed$"),
        ({"corrections": {"mine": None}}, r"corrections\.mine: is empty: a block of keys is needed"),
        (
            {"corrections": {"methods": {"npo": {}}}},
            r"corrections: `methods` stands beside `corrections`, not",
        ),
        (
            {"methods": ["npo", "eu"]},
            r"methods: \['npo', 'eu'\] is not a block of keys: write `npo: \{\}` below",
        ),
        ({"methods": "npo"}, r"methods: 'npo' is not a block of keys: write `npo: \{\}` below it"),
        ({"methods": {"npo": None}}, r"methods\.npo: is empty: a block of keys is needed, perhaps `\{\}`"),
    ],
)
def test_a_block_that_is_none_is_told_with_what_to_write(changes, told):
    with pytest.raises(ConfigError, match=f"^{told}"):
        Corrections({**config(), **changes})


@pytest.mark.parametrize(
    "changes", [{"training": {"folder": "f"}}, {"bad": "f"}, {"classes": "f"}, model(weights="f.pt")]
)
def test_what_is_not_there_is_told_with_the_folder_it_was_looked_for_in(changes, here):
    assert f" in {here}" in refusal(**changes)


def test_weights_of_no_byte_are_told_before_any_job(here):
    (here / "weights.pt").write_bytes(b"")
    assert refusal() == "model: weights weights.pt: is empty"


def test_a_file_that_is_no_python_is_told_with_the_line(here):
    (here / "net.py").write_text("import torch\ndef build(:\n")
    assert refusal().startswith("model: factory net.py:Net: net.py, line 2: is not Python: ")


@pytest.mark.parametrize(
    "text",
    [
        "from nets import *",
        "def __getattr__(name): ...",
        "globals()['Net'] = 1",
        "if True:\n    from nets import A as Net",
        "try:\n    Net = None\nfinally:\n    pass",
    ],
)
def test_a_file_that_may_have_the_name_is_left_to_the_first_job(text, here):
    (here / "net.py").write_text(text)
    assert Corrections(config()).cases == ["mine"]


@pytest.mark.parametrize("key", ["training", "bad", "recipe"])
def test_a_correction_without_a_name_is_told_so(key):
    block = config()["corrections"]["mine"]
    told = (
        rf"^corrections: has `{key}` where the names of corrections stand: a name is missing above it, as in"
    )
    with pytest.raises(ConfigError, match=told):
        Corrections({"corrections": {key: block[key]}})
    assert Corrections({"corrections": {key: block}}).cases == [key]
