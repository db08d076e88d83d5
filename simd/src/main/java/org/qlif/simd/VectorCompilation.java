// SPDX-License-Identifier: Apache-2.0
package org.qlif.simd;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.qlif.spi.host.HostJvm;

/**
 * Whether this JVM compiles the Vector API to vector instructions. HotSpot's optimizing compiler does unless an option prevents it; then
 * every vector is an object, and vector code is 17 to 1000 times slower than scalar code. The JVM's flags usually tell. If they don't, with
 * another compiler or with options that affect compilation, {@link VectorTrial} measures.
 */
final class VectorCompilation {
    /** Flags of the optimizing compiler that the Vector API needs, all on by default. */
    private static final List<String> NEEDED =
            List.of("EnableVectorSupport", "EnableVectorReboxing", "Inline", "InlineNatives");

    /** Options with which the flags prove nothing, and files of options whose content the JVM doesn't tell. */
    private static final Pattern UNCERTAIN = Pattern.compile(
            "@.*|-XX:(Flags|VMOptionsFile)=.*"
                    + "|-XX:\\W?\\w*(Compile(Command|Only|rDirectives)|Intrinsic|JVMCI|Graal|Inlin|Unsafe|NodeLimit|NodeCount).*");

    /** The shortest vectors that the Vector API compiles, in bytes. */
    private static final int NARROWEST = 16;

    private VectorCompilation() {}

    /** Why vector code is slow here, one actionable sentence each; usually none. */
    static List<String> cautions() {
        List<String> cautions = new ArrayList<>(HostJvm.cautions());
        if (HostJvm.compiles()) {
            addCompilersCautions(cautions);
        }
        return cautions;
    }

    private static void addCompilersCautions(List<String> cautions) {
        if (!optimizes()) {
            cautions.add("this JVM runs without its optimizing compiler C2"
                    + HostJvm.given("-XX:TieredStopAtLevel=.|-XX:CompilationMode=.*")
                    + ", the only one to make vector instructions of the Vector API; start Java without that");
        } else if (HostJvm.mode().startsWith("compiled")) {
            cautions.add(
                    "this JVM compiles before code has run (-Xcomp), too early to make good vector code; start Java"
                            + " without that");
        }
        List<String> off = new ArrayList<>();
        for (String flag : NEEDED) {
            if (HostJvm.is(flag, "false")) {
                off.add(flag);
            }
        }
        if (!off.isEmpty()) {
            cautions.add("this JVM does not make vector instructions of the Vector API (-XX:-"
                    + String.join(" -XX:-", off) + "); start Java without that");
        }
        if (number("MaxVectorSize", NARROWEST) < NARROWEST) {
            cautions.add("this JVM has no vectors of " + NARROWEST + " bytes" + HostJvm.given("-XX:MaxVectorSize=.*")
                    + "; start Java without such an option if the CPU has them");
        }
        if (cautions.isEmpty() && isUncertain() && !VectorTrial.isFast()) {
            cautions.add("this JVM (" + System.getProperty("java.vm.name") + " "
                    + System.getProperty("java.vm.version")
                    + ") was tried and made no vector instructions of the Vector API"
                    + HostJvm.given(UNCERTAIN.pattern()) + "; start another one, or without such options");
        }
    }

    /** Whether the optimizing compiler runs, as far as the flags tell. */
    private static boolean optimizes() {
        String name = System.getProperty("java.vm.name", "");
        return number("TieredStopAtLevel", 4) >= 4
                && !HostJvm.is("CompilationMode", "quick-only")
                && !HostJvm.mode().contains("emulated-client")
                && !name.contains("Client")
                && !name.contains("Minimal");
    }

    private static boolean isUncertain() {
        return !System.getProperty("java.vm.name", "").contains("Server VM")
                || System.getProperty("java.vm.version", "").contains("jvmci")
                || HostJvm.is("UseJVMCICompiler", "true")
                || HostJvm.isGiven(UNCERTAIN);
    }

    /** The value of the JVM's flag of this name, or {@code otherwise} if it isn't known. */
    private static long number(String flag, long otherwise) {
        Optional<String> value = HostJvm.flag(flag);
        try {
            return value.isPresent() ? Long.parseLong(value.get()) : otherwise;
        } catch (NumberFormatException odd) {
            // The option's text as given: not a plain number, although the JVM accepted it.
            return Long.MAX_VALUE;
        }
    }
}
