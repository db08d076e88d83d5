// SPDX-License-Identifier: Apache-2.0
/**
 * Blocks for DJL, the Deep Java Library: spiking neurons and a linear layer over spikes, in models that run and train on its PyTorch engine.
 */
module org.qlif.djl {
    requires transitive org.qlif;
    requires transitive ai.djl.api;
    requires ai.djl.pytorch_engine;
    requires static transitive org.jspecify;

    exports org.qlif.djl;
}
