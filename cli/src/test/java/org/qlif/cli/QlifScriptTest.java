// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The script {@code ./qlif}, with a Maven and a Java that only say that they were called. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the scripts need bash")
class QlifScriptTest {
    private static final String NOTICE = "WARNING: Using incubator modules: jdk.incubator.vector";
    private static final String FIRST_BUILD =
            "qlif: building; the first build downloads dependencies, which takes a while\n";

    @TempDir
    private Path folder;

    private Checkout checkout;

    @BeforeEach
    void makeCheckout() throws IOException {
        checkout = new Checkout(folder, "checkout").java("echo ran");
    }

    @Test
    void buildsOnce() throws Exception {
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "ran\n", FIRST_BUILD));
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "ran\n", ""));
        assertThat(checkout.builds()).isEqualTo(1);
    }

    /** A Java that notes in a file when it makes an archive of classes, ends with this code then, and says when it uses one. */
    private void archivingJava(String made, int exitCode) throws IOException {
        checkout.java("""
                for argument; do
                  case $argument in
                    -XX:ArchiveClassesAtExit=*) echo called >>archives; printf %%s '%s' >"${argument#*=}"; echo noise; exit %d ;;
                    -XX:SharedArchiveFile=*) echo archived ;;
                  esac
                done
                echo ran
                """.formatted(made, exitCode));
    }

    private long archives() throws IOException {
        return Files.readAllLines(folder.resolve("stub/archives")).size();
    }

    @Test
    void archivesClassesOnceForEachBuild() throws Exception {
        archivingJava("classes", 0);
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "archived\nran\n", FIRST_BUILD));
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "archived\nran\n", ""));
        assertThat(archives()).isEqualTo(1);
        checkout.write("cli/src/main/Some.java", "two");
        assertThat(checkout.qlif().out()).isEqualTo("archived\nran\n");
        assertThat(archives()).isEqualTo(2);
        try (Stream<Path> files = Files.list(checkout.root.resolve("cli/target"))) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.contains("jsa")))
                    .singleElement()
                    .asString()
                    .matches("qlif-\\d*\\.jsa");
        }
    }

    /** The JVM takes an archive of another JDK's classes for none. */
    @Test
    void archivesClassesAgainForAnotherJdk() throws Exception {
        archivingJava("classes", 0);
        checkout.qlif();
        for (int i = 0; i < 4; i++) {
            Files.writeString(folder.resolve("stub/a jdk/release"), "JAVA_VERSION=\"25.%d\"\n".formatted(i % 2));
            assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "archived\nran\n", ""));
        }
        assertThat(archives()).isEqualTo(3);
    }

    @Test
    void runsWhereClassesCantBeArchived() throws Exception {
        archivingJava("", 0);
        assertThat(checkout.qlif().out()).isEqualTo("ran\n");
        assertThat(checkout.qlif().out()).isEqualTo("ran\n");
        assertThat(archives()).as("tried once").isEqualTo(1);
    }

    /** The JVM can crash while it writes, and leave a part. */
    @Test
    void runsAfterACrashWhileClassesAreArchived() throws Exception {
        archivingJava("part", 134);
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "ran\n", FIRST_BUILD));
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "ran\n", ""));
        assertThat(archives()).as("tried once").isEqualTo(1);
    }

    @Test
    void endsIfInterruptedWhileClassesAreArchived() throws Exception {
        archivingJava("part", 130);
        Invocation interrupted = checkout.qlif();
        assertThat(interrupted.exitCode()).isEqualTo(130);
        assertThat(interrupted.out()).isEmpty();
        try (Stream<Path> files = Files.list(checkout.root.resolve("cli/target"))) {
            assertThat(files.map(file -> file.getFileName().toString())).noneMatch(name -> name.contains("jsa"));
        }
    }

    @Test
    void contentCountsAndTimesDoNot() throws Exception {
        checkout.qlif();
        Path source = checkout.root.resolve("cli/src/main/Some.java");
        Files.setLastModifiedTime(source, FileTime.from(Instant.parse("2099-01-01T00:00:00Z")));
        assertThat(checkout.qlif().err()).isEmpty();
        checkout.write("cli/src/main/Some.java", "two");
        assertThat(checkout.qlif().err()).isEqualTo("qlif: building again, since sources have changed\n");
        Files.setLastModifiedTime(source, FileTime.from(Instant.parse("2099-01-01T00:00:00Z")));
        assertThat(checkout.qlif().err()).isEmpty();
        assertThat(checkout.builds()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rm native/some.c", "mv native/some.c native/other.c", "echo two >cli/src/main/New.java"})
    void changedSourcesAreBuiltOnce(String change) throws Exception {
        checkout.qlif();
        checkout.shell("cd -- \"${QLIF%/*}\" && " + change);
        assertThat(checkout.qlif().err()).isEqualTo("qlif: building again, since sources have changed\n");
        assertThat(checkout.qlif().err()).isEmpty();
        assertThat(checkout.builds()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rm lib/some.jar", "rm -r lib", "rm qlif-cli.jar", "echo >lib/some.jar", ": >qlif-cli.jar"})
    void missingAndShortenedPartsAreBuiltAgain(String damage) throws Exception {
        checkout.qlif();
        checkout.shell("cd -- \"${QLIF%/*}/cli/target\" && " + damage);
        assertThat(checkout.qlif())
                .isEqualTo(new Invocation(
                        0, "ran\n", "qlif: building again, since parts of the last build are missing\n"));
        assertThat(checkout.qlif().err()).isEmpty();
        assertThat(checkout.builds()).isEqualTo(2);
    }

    /** By default it is this machine's; code for all GPUs serves, too. */
    @Test
    void gpuCodeIsBuiltThatWasAskedFor() throws Exception {
        checkout.maven("echo $QLIF_CUDA >>../stub/gpus\n" + Checkout.BUILD).environment("QLIF_CUDA", "");
        checkout.qlif();
        checkout.environment("QLIF_CUDA", "all");
        assertThat(checkout.qlif().err())
                .isEqualTo("qlif: building again, since QLIF_CUDA=all asks for other GPU code\n");
        for (String gpus : List.of("all", "local", "")) {
            assertThat(checkout.environment("QLIF_CUDA", gpus).qlif().err()).isEmpty();
        }
        checkout.environment("QLIF_CUDA", "off").qlif();
        assertThat(checkout.environment("QLIF_CUDA", "").qlif().err())
                .isEqualTo("qlif: building again, since QLIF_CUDA=local asks for other GPU code\n");
        assertThat(checkout.shell("cat gpus").out()).isEqualTo("local\nall\noff\nlocal\n");
    }

    @Test
    void unknownGpuCodeIsRefusedBeforeABuild() throws Exception {
        checkout.environment("QLIF_CUDA", "some");
        assertThat(checkout.qlif())
                .isEqualTo(new Invocation(1, "", "qlif: QLIF_CUDA: got 'some', expected 'all', 'local' or 'off'\n"));
        assertThat(checkout.builds()).isZero();
    }

    @Test
    void killedBuildLeavesNothingThatIsTakenForWhole() throws Exception {
        checkout.maven("""
                mkdir -p cli/target/classes
                echo half >cli/target/classes/Some.class
                cp ../stub/qlif-cli.jar cli/target
                kill -KILL $$
                """);
        assertThat(checkout.qlif().exitCode()).isEqualTo(137);
        checkout.maven("[ ! -f cli/target/classes/Some.class ] || exit 9\n" + Checkout.BUILD);
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "ran\n", FIRST_BUILD));
    }

    @Test
    void killedScriptLeavesNothingThatIsTakenForWhole() throws Exception {
        // Maven's parent, ./build having become it.
        checkout.maven("cp ../stub/qlif-cli.jar cli/target; kill -KILL $PPID");
        assertThat(checkout.qlif().exitCode()).isEqualTo(137);
        checkout.maven(Checkout.BUILD);
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "ran\n", FIRST_BUILD));
        assertThat(checkout.builds()).isEqualTo(2);
    }

    @Test
    void failedBuildIsTriedAgain() throws Exception {
        checkout.maven("echo no such symbol; exit 1");
        for (int run = 1; run <= 2; run++) {
            Invocation failed = checkout.qlif();
            assertThat(failed.exitCode()).isEqualTo(1);
            assertThat(failed.out()).isEmpty();
            assertThat(failed.err())
                    .contains("the build failed; the end of " + checkout.root.resolve("cli/target/build.log"))
                    .endsWith("no such symbol\n");
            assertThat(checkout.builds()).isEqualTo(run);
        }
    }

    @Test
    void twoFirstRunsBuildOnce() throws Exception {
        assumeTrue(checkout.shell("command -v flock").exitCode() == 0, "flock is not there");
        checkout.maven("sleep 1\n" + Checkout.BUILD);
        assertThat(checkout.shell("\"$QLIF\" & \"$QLIF\"; wait").out()).isEqualTo("ran\nran\n");
        assertThat(checkout.builds()).isEqualTo(1);
    }

    @Test
    void readOnlyCheckoutRunsIfItIsBuilt() throws Exception {
        checkout.qlif();
        Files.setPosixFilePermissions(
                checkout.root.resolve("cli/target"), PosixFilePermissions.fromString("r-xr-xr-x"));
        assumeFalse(Files.isWritable(checkout.root.resolve("cli/target")), "root writes everywhere");
        assertThat(checkout.qlif()).isEqualTo(new Invocation(0, "ran\n", ""));
        checkout.write("cli/src/main/Some.java", "two");
        assertThat(checkout.qlif().err().lines()).singleElement().asString().contains("can't be written");
    }

    @ParameterizedTest
    @ValueSource(strings = {"x:y", "x!", "two\nlines", "a${b}", "back\\slash"})
    void foldersThatJavaCantWorkInAreRefusedBeforeAnythingIsBuilt(String name) throws Exception {
        Checkout odd = new Checkout(folder, name).java("echo ran");
        for (String script : new String[] {"\"$QLIF\" devices", "\"${QLIF%/*}/build\" verify"}) {
            Invocation refused = odd.shell(script);
            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.out()).isEmpty();
            assertThat(refused.err().lines())
                    .singleElement()
                    .asString()
                    .contains("the checkout can't be used in", "move or rename the folder");
        }
        assertThat(odd.builds()).isZero();
    }

    @Test
    void folderNotInTheLocalesEncodingIsRefused() throws Exception {
        Invocation refused = checkout.shell("""
                mv -- "${QLIF%/*}" $'../caf\\xe9' && LC_ALL=C.UTF-8 $'../caf\\xe9/qlif' devices
                """);
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err().lines()).singleElement().asString().contains("not in the locale's encoding, UTF-8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b", "it's", "say \"x\"", "x*?[y]", "-dash", "a#b%41;c&d", "$HOME", "x!y", "ä", "~"})
    void otherFoldersWork(String name) throws Exception {
        assumeTrue(Files.exists(folder) && canName(name), "this JVM can't name the folder in its locale");
        Checkout odd = new Checkout(folder, name).java("printf '%s\\n' \"$@\"");
        Invocation run = odd.environment("LC_ALL", "POSIX").qlif("devices", "a *");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines())
                .contains("-Dqlif.cli.home=" + odd.root, odd.root + "/cli/target/qlif-cli.jar", "a *");
    }

    private static boolean canName(String name) {
        return Charset.forName(System.getProperty("sun.jnu.encoding"))
                .newEncoder()
                .canEncode(name);
    }

    @Test
    void asciiLocaleBecomesUtf8() throws Exception {
        checkout.java("echo \"${LC_ALL-unset}\"");
        assertThat(checkout.environment("LC_ALL", "POSIX").qlif().out()).isEqualTo("C.UTF-8\n");
        assertThat(checkout.environment("LC_ALL", "C.utf8").qlif().out()).isEqualTo("C.utf8\n");
    }

    @Test
    void runsThroughALinkFromAnotherFolder() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), checkout.root.resolve("qlif"));
        assertThat(checkout.shell(link + " devices")).isEqualTo(new Invocation(0, "ran\n", FIRST_BUILD));
        Path other = Files.createSymbolicLink(folder.resolve("other"), checkout.root);
        assertThat(checkout.shell(other + "/qlif devices")).isEqualTo(new Invocation(0, "ran\n", ""));
    }

    @Test
    void relativeJavaHomeWorksFromAnyFolder() throws Exception {
        checkout.environment("JAVA_HOME", "a jdk");
        assertThat(checkout.qlif().out()).isEqualTo("ran\n");
        assertThat(checkout.qlif().err()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "null",
            value = {
                "NOTICE, ''",
                "NOTICE\\nafter\\n, after\\n",
                "Picked up JAVA_TOOL_OPTIONS: -Dx\\nNOTICE\\nafter, Picked up JAVA_TOOL_OPTIONS: -Dx\\nafter",
                "NOTE: Picked up JDK_JAVA_OPTIONS: -Dx\\nPicked up JAVA_TOOL_OPTIONS: -Dx\\nNOTICE\\n,"
                        + " NOTE: Picked up JDK_JAVA_OPTIONS: -Dx\\nPicked up JAVA_TOOL_OPTIONS: -Dx\\n",
                "NOTICE\\nNOTICE\\n, NOTICE\\n",
                "Unrecognized option: -x\\nno line break, Unrecognized option: -x\\nno line break",
            })
    void theIncubatorNoticeGoesAndNothingElse(String printed, String passed) throws Exception {
        checkout.qlif();
        checkout.java("printf '" + printed.replace("NOTICE", NOTICE) + "' >&2");
        assertThat(checkout.shell("\"$QLIF\" 2>&1 | cat").out())
                .isEqualTo(passed.replace("NOTICE", NOTICE).replace("\\n", "\n"));
    }

    @Test
    void closedOutputIsRefusedAndOtherClosedDescriptorsDoNoHarm() throws Exception {
        checkout.qlif();
        Invocation closed = checkout.shell("\"$QLIF\" devices >&-");
        assertThat(closed.exitCode()).isEqualTo(1);
        assertThat(closed.err()).isEqualTo("qlif: can't write the output: stdout is closed\n");
        checkout.java("cat; echo late >&2; echo ran");
        assertThat(checkout.shell("\"$QLIF\" devices <&- 2>&-")).isEqualTo(new Invocation(0, "ran\n", ""));
        assertThat(checkout.shell("\"$QLIF\" devices 2>/dev/full")).isEqualTo(new Invocation(0, "ran\n", ""));
    }

    @Test
    void tellsTheWidthOfATerminalAlone() throws Exception {
        assumeTrue(checkout.shell("script -qec true /dev/null").exitCode() == 0, "script is not there");
        checkout.java("printf '%s\\n' \"$@\" | grep columns");
        checkout.qlif();
        assertThat(checkout.environment("COLUMNS", "77").qlif().out()).isEqualTo("-Dqlif.cli.stderr.columns=\n");
        assertThat(checkout.shell("script -qec \"'$QLIF'\" /dev/null").out().strip())
                .isEqualTo("-Dqlif.cli.stderr.columns=77");
        assertThat(checkout.shell("unset COLUMNS; script -qec \"stty cols 61; '$QLIF'\" /dev/null")
                        .out()
                        .strip())
                .isEqualTo("-Dqlif.cli.stderr.columns=61");
    }

    /** Its libraries are downloaded by that build and no other. */
    @ParameterizedTest
    @ValueSource(strings = {"--engine djl", "--engine=djl", "--lr 1e-3 --engine DJL --epochs 1"})
    void buildsTheOtherEngineOnlyWhereItIsAskedFor(String options) throws Exception {
        checkout.maven("""
                printf '%s\n' "$*" >>../stub/arguments
                case "$*" in
                  *" -pl training-djl "*)
                    mkdir -p training-djl/target/lib
                    echo a jar >training-djl/target/qlif-training-djl.jar
                    echo a library >training-djl/target/lib/other.jar ;;
                  *)
                """ + Checkout.BUILD + ";; esac");
        checkout.java("printf '%s\\n' \"$@\" | grep jar");
        String own = checkout.root + "/cli/target/qlif-cli.jar\n";
        for (String other : new String[] {"train", "train --engine qlif", "train --data djl", "devices --engine"}) {
            assertThat(checkout.shell("\"$QLIF\" " + other).out()).isEqualTo(own);
        }
        assertThat(checkout.shell("grep -c training-djl arguments").out()).isEqualTo("0\n");
        String both = own.strip() + ":" + checkout.root + "/training-djl/target/qlif-training-djl.jar\n";
        assertThat(checkout.shell("\"$QLIF\" train " + options)).isEqualTo(new Invocation(0, both, FIRST_BUILD));
        assertThat(checkout.shell("\"$QLIF\" train " + options)).isEqualTo(new Invocation(0, both, ""));
        assertThat(checkout.shell("\"$QLIF\" train").out()).isEqualTo(own);
        assertThat(checkout.builds()).isEqualTo(2);
    }
}
