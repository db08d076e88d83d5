// SPDX-License-Identifier: Apache-2.0
package org.qlif.conformance;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.Set;

/**
 * Follows paths to golden files. Links are followed, to folders, too; a folder that several links lead to is searched once for each given
 * path. A path that can't be followed is recorded, and the search continues.
 */
final class GoldenSearch {
    /** The maximum number of entries of a search, so that it ends even if a link leads to the whole machine. */
    private static final int MAX_ENTRIES = 100_000;

    private static final String SUFFIX = ".safetensors";

    private final List<Path> files = new ArrayList<>();
    private final List<GoldenFiles.Missed> missed = new ArrayList<>();

    private final int maxEntries;

    private GoldenSearch(int maxEntries) {
        this.maxEntries = maxEntries;
    }

    static GoldenFiles of(List<Path> paths) {
        return of(paths, MAX_ENTRIES);
    }

    /** The same with another bound for each path. */
    static GoldenFiles of(List<Path> paths, int maxEntries) {
        GoldenSearch search = new GoldenSearch(maxEntries);
        paths.forEach(search::add);
        return new GoldenFiles(search.files, search.missed);
    }

    /** {@code problem} in words: the messages of some exceptions are only paths or empty. */
    static String reason(Path path, IOException problem) {
        return switch (problem) {
            case NoSuchFileException _ when Files.isSymbolicLink(path) -> "a link that leads nowhere";
            case NoSuchFileException _ -> "no such file or folder";
            case AccessDeniedException _ -> "access denied";
            case FileSystemException known when known.getReason() != null -> "can't be read: " + known.getReason();
            default -> "can't be read: " + problem.getMessage();
        };
    }

    private void add(Path path) {
        if (path.toString().isEmpty()) {
            // To Java, an empty path is the current folder, which is hardly what was meant.
            miss(path, true, "got an empty path, expected a file or folder");
            return;
        }
        try {
            if (Files.readAttributes(path, BasicFileAttributes.class).isDirectory()) {
                walk(path);
            } else {
                files.add(path);
            }
        } catch (IOException problem) {
            boolean absent = problem instanceof NoSuchFileException && !Files.isSymbolicLink(path);
            miss(path, absent, reason(path, problem));
        }
    }

    private void walk(Path top) throws IOException {
        Walk walk = new Walk(top);
        int missedBefore = missed.size();
        walk.run();
        if (walk.found.isEmpty() && missed.size() == missedBefore) {
            miss(top, true, "no " + SUFFIX + " file in this folder");
        }
        walk.found.sort(null);
        files.addAll(walk.found);
    }

    /** The search below one folder. */
    private final class Walk {
        private final Path top;
        private final List<Path> found = new ArrayList<>();
        /** The real paths of folders that were or will be searched. */
        private final Set<Path> seen = new HashSet<>();

        private final Deque<Path> folders = new ArrayDeque<>();
        /** Links are followed last and in order, so that files that are reachable without a link keep their own names. */
        private final Queue<Path> links = new PriorityQueue<>();

        private int entries;

        Walk(Path top) throws IOException {
            this.top = top;
            seen.add(top.toRealPath());
            folders.push(top);
        }

        void run() {
            while (entries <= maxEntries) {
                if (!folders.isEmpty()) {
                    search(folders.pop());
                } else if (!links.isEmpty()) {
                    enter(links.remove());
                } else {
                    return;
                }
            }
            miss(top, false, "got more than " + maxEntries + " files and folders, expected fewer");
        }

        private void search(Path folder) {
            try (DirectoryStream<Path> content = Files.newDirectoryStream(folder)) {
                for (Path entry : content) {
                    if (++entries > maxEntries) {
                        return;
                    }
                    boolean named = entry.toString().endsWith(SUFFIX);
                    if (!Files.isDirectory(entry)) {
                        if (named) {
                            found.add(entry);
                        }
                        continue;
                    }
                    if (named) {
                        miss(entry, false, "got a folder, expected a regular file");
                    }
                    if (Files.isSymbolicLink(entry)) {
                        links.add(entry);
                    } else {
                        enter(entry);
                    }
                }
            } catch (DirectoryIteratorException interrupted) {
                miss(folder, false, reason(folder, interrupted.getCause()));
            } catch (IOException problem) {
                miss(folder, false, reason(folder, problem));
            }
        }

        private void enter(Path folder) {
            try {
                if (seen.add(folder.toRealPath())) {
                    folders.push(folder);
                }
            } catch (IOException problem) {
                miss(folder, false, reason(folder, problem));
            }
        }
    }

    private void miss(Path path, boolean absent, String reason) {
        missed.add(new GoldenFiles.Missed(path, absent, reason));
    }
}
