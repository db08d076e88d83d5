// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import org.qlif.Qlif;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The root of the command tree: it only holds the commands and what they have in common. */
@Command(
        name = "qlif",
        description = "Quantum-inspired leaky integrate-and-fire neurons on the JVM.",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        versionProvider = QlifCommand.Version.class,
        optionListHeading = "%nOptions:%n",
        commandListHeading = "%nCommands:%n",
        footerHeading = "%nExamples:%n",
        footer = {
            "  ./qlif devices                       list the devices",
            "  ./qlif verify golden                 check that it computes what docs/model.md defines",
            "  ./qlif bench                         measure the speed",
            "  ./qlif train                         train a network",
            "  ./qlif run net.safetensors --input images.npy   run a saved network",
            "  ./qlif reconstruct                   reconstruct images, beside LIF",
            "  ./qlif curves                        plot how neurons respond to their input",
            "  ./qlif simulate --plot neuron.png    watch a neuron, step by step",
            "  ./qlif dashboard                     open a live page with all parameters",
            "",
            "COMMAND --help lists its options with their ranges."
        })
final class QlifCommand {
    @Option(
            names = "--debug",
            scope = ScopeType.INHERIT,
            description = "Print the stack trace of a failure (so does a non-empty QLIF_DEBUG).")
    private boolean debug;

    private final boolean debugByDefault;

    QlifCommand(boolean debugByDefault) {
        this.debugByDefault = debugByDefault;
    }

    boolean debug() {
        return debug || debugByDefault;
    }

    /** The versions of the library and of Java. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {
                "qlif " + Qlif.version(),
                "Java " + Runtime.version() + ", " + System.getProperty("os.name") + " " + System.getProperty("os.arch")
            };
        }
    }
}
