// SPDX-License-Identifier: Apache-2.0
package org.qlif.spi.host;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What backends in Java need to know about the JVM: with some options their code runs, but is compiled badly or not at all. The JVM's flags
 * come from the module {@code jdk.management} or, if it is absent, from the command line. Nothing here throws.
 */
public final class HostJvm {
    private static final Pattern FLAG = Pattern.compile("-XX:(?:([+-])(\\w+)|(\\w+)=(.*))", Pattern.DOTALL);

    /** The options of {@code java} after which the program's own arguments come, and those whose value is an argument of its own. */
    private static final Set<String> ENDS = Set.of("-jar", "-m", "--module");

    private static final Pattern TAKES_VALUE = Pattern.compile(
            "-cp|-classpath|-p|--(class-path|module-path|upgrade-module-path|(add|limit)-modules|add-(reads|exports|opens)|patch-module"
                    + "|enable-native-access|illegal-native-access|source)");

    private static final Pattern BLANKS = Pattern.compile("\\s+");

    private HostJvm() {}

    /** Why all arithmetic in Java is slow here, one actionable sentence each; usually none. */
    public static List<String> cautions() {
        List<String> cautions = new ArrayList<>();
        if (!compiles()) {
            cautions.add("this JVM only interprets"
                    + given("-Xint|-XX:-UseCompiler|-XX:TieredStopAtLevel=.|-XX:-TieredCompilation")
                    + ", which is a hundred times slower than compiled code; start Java without that");
        }
        if (!fuses()) {
            String options = given("-XX:(UseAVX|UseSSE)=.|-XX:-(UseFMA|InlineNatives)");
            cautions.add("this JVM has no instruction for fused multiply-adds" + options
                    + " and works each out in software; "
                    + (options.isEmpty()
                            ? "run on a CPU that has one, or show it to the virtual machine"
                            : "start Java without that, or ask for device 'cpu:native', which comes with qlif-native"));
        }
        return cautions;
    }

    /** Whether the JVM compiles code at all. */
    public static boolean compiles() {
        // Without tiered compilation there is only the compiler of the highest level.
        boolean none = is("TieredStopAtLevel", "0")
                || is("TieredCompilation", "false")
                        && !flag("TieredStopAtLevel").orElse("4").equals("4");
        return !none && !mode().startsWith("interpreted") && !is("UseCompiler", "false");
    }

    /** The JVM's description of its mode, such as {@code mixed mode, sharing}. */
    public static String mode() {
        return System.getProperty("java.vm.info", "");
    }

    /** Whether flag {@code name} is known to have this value. */
    public static boolean is(String name, String value) {
        return value.equals(flag(name).orElse(null));
    }

    /** Whether the JVM was told to write an archive of its classes at the end of the process, if that is needed. */
    public static boolean archivesClasses() {
        return is("AutoCreateSharedArchive", "true")
                || flag("ArchiveClassesAtExit").filter(file -> !file.isEmpty()).isPresent();
    }

    /** The value of the JVM's flag of this name; empty if it doesn't exist or can't be read. */
    public static Optional<String> flag(String name) {
        Optional<String> value = Optional.empty();
        if (tellsFlags()) {
            value = Management.flag(name);
        }
        return value.isPresent() ? value : givenFlag(name);
    }

    /** The value of a flag on the command line; the last one counts. */
    private static Optional<String> givenFlag(String name) {
        Optional<String> value = Optional.empty();
        for (String option : options()) {
            Matcher flag = FLAG.matcher(option);
            if (flag.matches() && name.equals(flag.group(1) == null ? flag.group(3) : flag.group(2))) {
                value = Optional.of(
                        flag.group(1) == null
                                ? flag.group(4)
                                : Boolean.toString(flag.group(1).equals("+")));
            }
        }
        return value;
    }

    /** Whether an option on Java's command line matches {@code pattern}. */
    public static boolean isGiven(Pattern pattern) {
        for (String option : options()) {
            if (pattern.matcher(option).matches()) {
                return true;
            }
        }
        return false;
    }

    /** The options on Java's command line that match {@code pattern}, in parentheses; empty if there are none. */
    public static String given(String pattern) {
        List<String> found = options().stream()
                .filter(Pattern.compile(pattern).asMatchPredicate())
                .distinct()
                .toList();
        return found.isEmpty() ? "" : found.stream().collect(Collectors.joining(" ", " (", ")"));
    }

    /** The options on Java's command line, as far as they can be read. */
    public static List<String> options() {
        if (tellsFlags()) {
            return Management.options();
        }
        // In the order in which the JVM reads them; later ones win.
        return Stream.of(
                        variable("JAVA_TOOL_OPTIONS"),
                        variable("JDK_JAVA_OPTIONS"),
                        ProcessHandle.current().info().arguments().stream().flatMap(HostJvm::launcherOptions),
                        variable("_JAVA_OPTIONS"))
                .flatMap(options -> options)
                .toList();
    }

    /** The JVM's part of a command line: the program's own arguments follow its name. */
    private static Stream<String> launcherOptions(String[] arguments) {
        List<String> options = new ArrayList<>();
        for (int i = 0; i < arguments.length; i++) {
            String argument = arguments[i];
            if (ENDS.contains(argument) || !argument.startsWith("-") && !argument.startsWith("@")) {
                break;
            }
            options.add(argument);
            if (TAKES_VALUE.matcher(argument).matches()) {
                i++;
            }
        }
        return options.stream();
    }

    private static Stream<String> variable(String name) {
        String value = System.getenv(name);
        return value == null || value.isBlank() ? Stream.empty() : BLANKS.splitAsStream(value.strip());
    }

    /**
     * The CPU time of this thread in nanoseconds, for differences only. If the JVM doesn't provide it, that of the process, and if that
     * isn't known either, wall time.
     */
    public static long workNanos() {
        long thread = tellsFlags() ? Management.threadNanos() : -1;
        return thread >= 0
                ? thread
                : ProcessHandle.current()
                        .info()
                        .totalCpuDuration()
                        .map(Duration::toNanos)
                        .orElseGet(System::nanoTime);
    }

    /** The memory of the machine or the container in bytes; empty if the JVM doesn't provide it. */
    public static OptionalLong memoryBytes() {
        return tellsFlags() ? Management.memoryBytes() : OptionalLong.empty();
    }

    private static boolean tellsFlags() {
        Module management = ModuleLayer.boot().findModule("jdk.management").orElse(null);
        return management != null && HostJvm.class.getModule().canRead(management);
    }

    private static boolean fuses() {
        if (is("InlineNatives", "false")) {
            return false;
        }
        Optional<String> flag = tellsFlags() ? Management.flag("UseFMA") : Optional.empty();
        return flag.isPresent() ? flag.get().equals("true") : fusesFast();
    }

    /**
     * Measures whether a fused multiply-add is an instruction. In software, a factor of 0 takes a short cut, and other factors a hundred
     * times longer; an instruction takes the same time for both.
     */
    private static boolean fusesFast() {
        long shortCut = Long.MAX_VALUE;
        long whole = Long.MAX_VALUE;
        for (int sample = 0; sample < 40; sample++) {
            shortCut = Math.min(shortCut, time(0f));
            whole = Math.min(whole, time(1.1f));
            if (sample >= 4 && whole < 2 * shortCut) {
                return true;
            }
        }
        return whole < 5 * shortCut;
    }

    private static long time(float factor) {
        float value = 0.3f;
        long start = System.nanoTime();
        for (int i = 0; i < 64; i++) {
            value = Math.fma(factor, 0.7f, value) * 0.5f;
        }
        long time = System.nanoTime() - start;
        // The value is used, so that the compiler can't remove the loop.
        return value == 4711f ? 0 : Math.max(1, time);
    }

    /** A class of its own, so that the classes of an absent module are never loaded. */
    private static final class Management {
        private static Optional<String> flag(String name) {
            HotSpotDiagnosticMXBean jvm = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
            try {
                return jvm == null
                        ? Optional.empty()
                        : Optional.of(jvm.getVMOption(name).getValue());
            } catch (RuntimeException noSuchFlag) {
                return Optional.empty();
            }
        }

        /** Negative if the JVM doesn't provide it. */
        private static long threadNanos() {
            ThreadMXBean threads = ManagementFactory.getThreadMXBean();
            return threads.isCurrentThreadCpuTimeSupported() ? threads.getCurrentThreadCpuTime() : -1;
        }

        private static OptionalLong memoryBytes() {
            OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
            return system == null ? OptionalLong.empty() : OptionalLong.of(system.getTotalMemorySize());
        }

        private static List<String> options() {
            return ManagementFactory.getRuntimeMXBean().getInputArguments();
        }
    }
}
