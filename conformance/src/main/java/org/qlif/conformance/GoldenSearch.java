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
import java.util.Set;

/**
 * Follows paths to golden files. Links are followed, to folders, too; a folder that several lead to is searched once for each path.
 * What can't be followed is noted, and the search goes on.
 */
final class GoldenSearch {
    /** What a search looks at at most, so that a link to the whole machine ends, too. */
    private static final int MAX_ENTRIES = 100_000;

    private static final String SUFFIX = ".safetensors";

    private final List<Path> files = new ArrayList<>();
    private final List<GoldenFiles.Missed> missed = new ArrayList<>();

    static GoldenFiles of(List<Path> paths) {
        GoldenSearch search = new GoldenSearch();
        paths.forEach(search::add);
        return new GoldenFiles(search.files, search.missed);
    }

    /** What {@code problem} means, in words: the messages of some exceptions are mere paths or nothing. */
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
            // Java takes it for the current folder, which nobody has named.
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
        List<Path> found = new ArrayList<>();
        Set<Path> seen = new HashSet<>(Set.of(top.toRealPath()));
        Deque<Path> folders = new ArrayDeque<>(List.of(top));
        int missedBefore = missed.size();
        int entries = 0;
        while (!folders.isEmpty() && entries <= MAX_ENTRIES) {
            Path folder = folders.pop();
            try (DirectoryStream<Path> content = Files.newDirectoryStream(folder)) {
                for (Path entry : content) {
                    if (++entries > MAX_ENTRIES) {
                        miss(top, false, "more than " + MAX_ENTRIES + " files and folders, expected fewer");
                        break;
                    }
                    boolean named = entry.toString().endsWith(SUFFIX);
                    if (!Files.isDirectory(entry)) {
                        if (named) {
                            found.add(entry);
                        }
                    } else {
                        if (named) {
                            miss(entry, false, "got a folder, expected a regular file");
                        }
                        enter(entry, seen, folders);
                    }
                }
            } catch (DirectoryIteratorException interrupted) {
                miss(folder, false, reason(folder, interrupted.getCause()));
            } catch (IOException problem) {
                miss(folder, false, reason(folder, problem));
            }
        }
        if (found.isEmpty() && missed.size() == missedBefore) {
            miss(top, true, "no " + SUFFIX + " file in this folder");
        }
        found.sort(null);
        files.addAll(found);
    }

    private void enter(Path folder, Set<Path> seen, Deque<Path> folders) {
        try {
            if (seen.add(folder.toRealPath())) {
                folders.push(folder);
            }
        } catch (IOException problem) {
            miss(folder, false, reason(folder, problem));
        }
    }

    private void miss(Path path, boolean absent, String reason) {
        missed.add(new GoldenFiles.Missed(path, absent, reason));
    }
}
