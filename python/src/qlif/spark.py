# SPDX-License-Identifier: Apache-2.0
"""The classifier of `qlif-spark` for PySpark (classic, not Spark Connect): docs/spark.md.

The jars of `qlif-spark` have to be on the class path of driver and executors, whose Java is 25 or newer::

    spark = SparkSession.builder.config("spark.jars.packages", "org.qlif:qlif-spark:VERSION").getOrCreate()
    classifier = SpikingClassifier(idCol="id", featureMax=255.0, hidden=[512], maxIter=5)
    model = classifier.fit(train)
    predictions = model.transform(test)
    model.write().overwrite().save("models/digits")
    model = SpikingClassifierModel.load("models/digits")

Params, their ranges and defaults are those of the Java classes; `classifier.explainParams()` lists them.
"""

from __future__ import annotations

from pyspark.ml.classification import _JavaProbabilisticClassificationModel, _JavaProbabilisticClassifier
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import JavaMLReadable, JavaMLReader, JavaMLWritable

__all__ = ["SpikingClassifier", "SpikingClassifierModel"]

_JAVA = "org.qlif.spark."


def _param(name: str, doc: str, converter) -> Param:
    """A param as PySpark's own classes declare them; each object makes one of its own of it."""
    return Param(Params._dummy(), name, doc, typeConverter=converter)


class _Reader(JavaMLReader):
    """Reads what the Java class of the same name has written."""

    @classmethod
    def _java_loader_class(cls, clazz) -> str:
        return _JAVA + clazz.__name__


class _Stage(JavaMLWritable, JavaMLReadable):
    """What the classifier and its model have in common."""

    idCol = _param("idCol", "column of whole numbers that tell rows apart", TypeConverters.toString)
    featureMax = _param("featureMax", "the greatest feature; features are 0 to this", TypeConverters.toFloat)
    featureClip = _param("featureClip", "whether features out of range are clipped", TypeConverters.toBoolean)
    device = _param("device", "cpu, cpu:simd, cpu:native or cpu:scalar", TypeConverters.toString)

    @classmethod
    def read(cls) -> JavaMLReader:
        """A reader of what `write` has saved."""
        return _Reader(cls)

    @classmethod
    def _wrap(cls, stage, java_stage):
        stage._java_obj = java_stage
        stage._resetUid(java_stage.uid())
        stage._transfer_params_from_java()
        return stage


class SpikingClassifier(_Stage, _JavaProbabilisticClassifier):
    """A classifier of vectors by a network of spiking neurons: the Java class of the same name.

    Args:
        params: any params by their names, such as `hidden=[512]`; `setParams` takes them later.
    """

    hidden = _param("hidden", "the neurons of each hidden layer", TypeConverters.toListInt)
    steps = _param("steps", "the time steps that a row is shown as spikes", TypeConverters.toInt)
    preset = _param("preset", "the neurons, before tau and settings", TypeConverters.toString)
    tau = _param("tau", "the neurons' membrane time constant in time steps", TypeConverters.toFloat)
    settings = _param("settings", "what is changed of the preset", TypeConverters.toListString)
    neuron = _param("neuron", "the whole configuration of the neurons", TypeConverters.toString)
    maxIter = _param("maxIter", "passes over the rows", TypeConverters.toInt)
    batchSize = _param("batchSize", "the rows of a training step, a multiple of 32", TypeConverters.toInt)
    stepSize = _param("stepSize", "Adam's learning rate", TypeConverters.toFloat)
    stepSizeDecay = _param("stepSizeDecay", "what the rate is multiplied by after each pass", TypeConverters.toFloat)
    gradientClip = _param("gradientClip", "the norm to which gradients are clipped; 0 for no clipping", TypeConverters.toFloat)
    seed = _param("seed", "the seed of all random numbers", TypeConverters.toInt)
    shift = _param("shift", "by how many pixels a row is moved in training, at most", TypeConverters.toInt)
    imageWidth = _param("imageWidth", "the width of a row as an image; 0 if it is none", TypeConverters.toInt)
    tasks = _param("tasks", "the most tasks that a fit runs as; 0 for all slots", TypeConverters.toInt)
    checkpointInterval = _param("checkpointInterval", "the passes between two checkpoints", TypeConverters.toInt)

    def __init__(self, **params):
        super().__init__()
        self._java_obj = self._new_java_obj(_JAVA + "SpikingClassifier", self.uid)
        # The defaults stand in Java alone.
        self._transfer_params_from_java()
        self._set(**params)

    def setParams(self, **params) -> SpikingClassifier:
        """Sets params by their names."""
        return self._set(**params)

    def _create_model(self, java_model) -> SpikingClassifierModel:
        return SpikingClassifierModel(java_model)

    @staticmethod
    def _from_java(java_stage) -> SpikingClassifier:
        return _Stage._wrap(SpikingClassifier(), java_stage)


class SpikingClassifierModel(_Stage, _JavaProbabilisticClassificationModel):
    """A trained `SpikingClassifier`."""

    @property
    def objectiveHistory(self) -> list[float]:
        """The mean loss of each epoch of the training."""
        return list(self._java_obj.objectiveHistory())

    @staticmethod
    def _from_java(java_stage) -> SpikingClassifierModel:
        return _Stage._wrap(SpikingClassifierModel(java_stage), java_stage)
