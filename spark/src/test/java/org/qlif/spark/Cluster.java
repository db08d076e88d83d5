// SPDX-License-Identifier: Apache-2.0
package org.qlif.spark;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.launcher.JavaModuleOptions;
import org.apache.spark.sql.SparkSession;

/** A standalone cluster on loopback: a master and two workers, each a process, whose executors have this JVM's class path. */
final class Cluster implements AutoCloseable {
    private static final long PATIENCE_NANOS = 60_000_000_000L;

    private final Path home;
    private final List<Process> processes = new ArrayList<>();
    private final List<String> folders = new ArrayList<>();
    private final SparkSession spark;

    Cluster(Path home) throws IOException, InterruptedException {
        this.home = home;
        Path jars = Files.createDirectories(home.resolve("jars"));
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path path = Path.of(entry).toAbsolutePath();
            if (Files.isDirectory(path)) {
                folders.add(path.toString());
            } else if (Files.exists(path)) {
                Files.createSymbolicLink(jars.resolve(path.getFileName()), path);
            }
        }
        String master = "spark://127.0.0.1:" + freePort();
        try {
            start("org.apache.spark.deploy.master.Master", "--port", master.substring(master.lastIndexOf(':') + 1));
            for (int worker = 0; worker < 2; worker++) {
                start(
                        "org.apache.spark.deploy.worker.Worker",
                        "--cores",
                        "1",
                        "--memory",
                        "1g",
                        "--work-dir",
                        home.resolve("worker-" + worker).toString(),
                        master);
            }
            spark = SparkSession.builder()
                    .master(master)
                    .appName("test")
                    .config("spark.ui.enabled", false)
                    .config("spark.driver.host", "127.0.0.1")
                    .config("spark.driver.bindAddress", "127.0.0.1")
                    .config("spark.executor.cores", 1)
                    .config("spark.executor.memory", "600m")
                    .config(
                            "spark.executor.extraJavaOptions",
                            "-Dlog4j2.configurationFile="
                                    + System.getProperty("log4j2.configurationFile", "log4j2-test.properties"))
                    .config("spark.executor.extraClassPath", String.join(File.pathSeparator, folders))
                    .getOrCreate();
            awaitExecutors();
        } catch (Throwable failure) {
            processes.forEach(Process::destroyForcibly);
            throw failure;
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private void start(String main, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx256m"));
        command.addAll(List.of(JavaModuleOptions.defaultModuleOptionArray()));
        command.addAll(List.of(
                "-cp", System.getProperty("java.class.path"), main, "--host", "127.0.0.1", "--webui-port", "0"));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(
                        home.resolve("process-" + processes.size() + ".log").toFile());
        builder.environment().put("SPARK_HOME", home.toString());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
        // A release of Spark need not be told.
        builder.environment().put("SPARK_SCALA_VERSION", "2.13");
        processes.add(builder.start());
    }

    private void awaitExecutors() throws InterruptedException {
        long end = System.nanoTime() + PATIENCE_NANOS;
        // The driver is one of them.
        while (spark.sparkContext().statusTracker().getExecutorInfos().length < 3) {
            if (System.nanoTime() > end) {
                throw new IllegalStateException("two executors have not come up; see the logs in " + home);
            }
            Thread.sleep(100);
        }
    }

    SparkSession spark() {
        return spark;
    }

    /** The processes of executors. */
    List<ProcessHandle> executors() {
        return processes.stream()
                .flatMap(Process::descendants)
                .filter(process -> process.info().commandLine().orElse("").contains("CoarseGrainedExecutorBackend"))
                .toList();
    }

    /** What executors have logged, by our own loggers. */
    List<String> logs() throws IOException {
        List<String> lines = new ArrayList<>();
        try (Stream<Path> files = Files.walk(home)) {
            for (Path log : files.filter(file -> file.endsWith("stderr")).toList()) {
                Files.readAllLines(log).stream()
                        .filter(line -> line.contains("epoch "))
                        .forEach(lines::add);
            }
        }
        return lines;
    }

    @Override
    public void close() {
        spark.stop();
        for (Process process : processes) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }
}
