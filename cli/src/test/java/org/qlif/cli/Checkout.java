// SPDX-License-Identifier: Apache-2.0
package org.qlif.cli;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;

/**
 * A folder with the checkout's own scripts, a few sources, and a Maven that only says that it was called: what it "builds" is a jar
 * that leads to the classes under test. {@code PATH} begins with its tools.
 */
final class Checkout {
    /** What the stand-in for Maven does after it has noted its call; a test may write another. */
    static final String BUILD = """
            mkdir -p cli/target/lib cli/target/classes
            cp ../stub/qlif-cli.jar cli/target
            echo a library >cli/target/lib/some.jar
            """;

    final Path root;
    private final Path stub;
    private final Map<String, String> environment = new HashMap<>();

    /** In a folder called {@code name} in {@code parent}. */
    Checkout(Path parent, String name) throws IOException {
        root = Files.createDirectories(parent.resolve(name));
        stub = Files.createDirectories(parent.resolve("stub"));
        for (String script : List.of("qlif", "examples/run", "build", "scripts/checkout.sh", "scripts/find-jdk.sh")) {
            Path copy = root.resolve(script);
            Files.createDirectories(copy.getParent());
            Files.copy(Repository.file(script), copy);
        }
        for (String source :
                List.of("pom.xml", "cli/pom.xml", "cli/src/main/Some.java", "docs/model.md", "native/some.c")) {
            write(source, "one");
        }
        Files.createDirectories(root.resolve("gpu/src/generated"));
        write("gpu/build-library", "one");
        maven(BUILD);
        jar(stub.resolve("qlif-cli.jar"));
        environment.put("PATH", stub + File.pathSeparator + System.getenv("PATH"));
        environment.put("JAVA_HOME", System.getProperty("java.home"));
    }

    Checkout write(String file, String content) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, content);
        return this;
    }

    /** Has Maven do {@code commands}, in the checkout's folder. */
    Checkout maven(String commands) throws IOException {
        executable(stub.resolve("mvn"), "echo called >>../stub/calls\n" + commands);
        return this;
    }

    /** Has {@code commands} run in place of Java, with its arguments. */
    Checkout java(String commands) throws IOException {
        Path home = Files.createDirectories(stub.resolve("a jdk"));
        Files.createDirectories(home.resolve("bin"));
        executable(home.resolve("bin/javac"), "echo javac 25");
        executable(home.resolve("bin/java"), commands);
        return environment("JAVA_HOME", home.toString());
    }

    Checkout environment(String name, String value) {
        environment.put(name, value);
        return this;
    }

    /** How often Maven was called. */
    long builds() throws IOException {
        Path calls = stub.resolve("calls");
        return Files.exists(calls) ? Files.readAllLines(calls).size() : 0;
    }

    /** Runs {@code ./qlif} with these arguments. */
    Invocation qlif(String... arguments) throws IOException, InterruptedException {
        return shell("\"$QLIF\" \"$@\"", arguments);
    }

    /** Runs a line of bash, in which {@code "$QLIF"} is the script. */
    Invocation shell(String command, String... arguments) throws IOException, InterruptedException {
        Path out = stub.resolve("out");
        Path err = stub.resolve("err");
        List<String> line = new ArrayList<>(List.of("bash", "-c", command, "bash"));
        line.addAll(Arrays.asList(arguments));
        ProcessBuilder builder = new ProcessBuilder(line)
                .directory(stub.toFile())
                .redirectInput(new File("/dev/null"))
                .redirectOutput(out.toFile())
                .redirectError(err.toFile());
        builder.environment().putAll(environment);
        builder.environment().put("QLIF", root.resolve("qlif").toString());
        Process process = builder.start();
        if (!process.waitFor(120, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("still running: " + command);
        }
        return new Invocation(process.exitValue(), Files.readString(out), Files.readString(err));
    }

    private static void executable(Path file, String commands) throws IOException {
        Files.writeString(file, "#!/usr/bin/env bash\n" + commands + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static void jar(Path file) throws IOException {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        String classPath = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .map(Path::of)
                // What the tests add, such as devices of their own, is not the tool's.
                .filter(entry -> !entry.endsWith("test-classes"))
                .map(entry -> entry.toUri().toString())
                .collect(Collectors.joining(" "));
        manifest.getMainAttributes().put(Attributes.Name.CLASS_PATH, classPath);
        try (OutputStream out = Files.newOutputStream(file)) {
            new JarOutputStream(out, manifest).close();
        }
    }
}
