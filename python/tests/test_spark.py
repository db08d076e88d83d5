# SPDX-License-Identifier: Apache-2.0
"""The classifier for PySpark: the same params as in Java, and where PySpark is, a fit, predictions and a saved model."""

import ast
import os
import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

SOURCES = REPOSITORY / "spark" / "src" / "main" / "java" / "org" / "qlif" / "spark"
CLASSES = REPOSITORY / "spark" / "target" / "classes"
CLASS_PATH = REPOSITORY / "spark" / "target" / "class-path"


def java_params(name: str) -> set:
    """The params that a Java class declares."""
    return set(re.findall(r"^    final \w*Param(?:<\w+>)? (\w+);", (SOURCES / f"{name}.java").read_text(), re.MULTILINE))


def python_params(name: str) -> set:
    """The params that a class of qlif.spark declares, which is read and not imported: PySpark may be missing."""
    tree = ast.parse((REPOSITORY / "python" / "src" / "qlif" / "spark.py").read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    calls = [node for node in body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)]
    for call in calls:
        assert call.targets[0].id == call.value.args[0].value
    return {call.targets[0].id for call in calls}


def test_params_are_those_of_java():
    assert python_params("_Stage") == java_params("SharedParams") == {"idCol", "featureMax", "featureClip", "device"}
    assert python_params("SpikingClassifier") == java_params("FitParams")
    assert "hidden" in python_params("SpikingClassifier")


@pytest.fixture(scope="module")
def spark():
    sql = pytest.importorskip("pyspark.sql", reason="PySpark can't be installed here, so qlif.spark was not run")
    if not CLASS_PATH.exists():
        pytest.skip("qlif-spark is not built, so qlif.spark was not run: spark/example builds it")
    release = Path(os.environ.get("JAVA_HOME", "/nonexistent"), "release")
    if not release.exists() or not re.search(r'JAVA_VERSION="(2[5-9]|[3-9]\d)', release.read_text()):
        pytest.skip("JAVA_HOME is no JDK 25 or newer, so qlif.spark was not run")
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.extraClassPath", f"{CLASSES}{os.pathsep}{CLASS_PATH.read_text()}")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.mark.filterwarnings("ignore")
def test_fits_and_predicts(spark, tmp_path):
    from pyspark.ml.linalg import Vectors
    from qlif.spark import SpikingClassifier, SpikingClassifierModel

    rows = [(i, Vectors.dense([0.9 if k % 3 == i % 3 else (i * 7 + k) % 10 / 30 for k in range(12)]), float(i % 3)) for i in range(96)]
    frame = spark.createDataFrame(rows, ["id", "features", "label"])
    classifier = SpikingClassifier(idCol="id", hidden=[16], steps=5, batchSize=32, maxIter=8, stepSize=0.02)
    assert classifier.getOrDefault("gradientClip") == 0.5
    model = classifier.fit(frame)
    assert model.numClasses == 3 and len(model.objectiveHistory) == 8
    predicted = model.transform(frame)
    assert predicted.filter("prediction = label").count() > 90
    model.write().overwrite().save(str(tmp_path / "model"))
    loaded = SpikingClassifierModel.load(str(tmp_path / "model"))
    assert loaded.transform(frame).orderBy("id").collect() == predicted.orderBy("id").collect()
    with pytest.raises(Exception, match="batchSize: got 33"):
        classifier.copy({classifier.batchSize: 33}).fit(frame)
