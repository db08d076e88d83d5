// SPDX-License-Identifier: Apache-2.0
package org.qlif.documentation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Links in Markdown to other files of the repository, and to headings in them. Links to the web are not followed. */
public final class Links {
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]*)\\)");
    private static final Pattern FENCED = Pattern.compile("^```.*?^```", Pattern.MULTILINE | Pattern.DOTALL);
    private static final Pattern HEADING = Pattern.compile("^#+ +(.*?) *$", Pattern.MULTILINE);

    private Links() {}

    /** The broken links in these files, each with its file. */
    public static List<String> broken(List<Path> files) throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path file : files) {
            Matcher links = LINK.matcher(text(file));
            while (links.find()) {
                String link = links.group(1);
                if (!link.contains("://") && !leadsSomewhere(file, link)) {
                    broken.add(file + ": " + link);
                }
            }
        }
        return broken;
    }

    private static boolean leadsSomewhere(Path file, String link) throws IOException {
        int hash = link.indexOf('#');
        String path = hash < 0 ? link : link.substring(0, hash);
        Path target = path.isEmpty() ? file : file.resolveSibling(path);
        return Files.exists(target) && (hash < 0 || anchors(target).contains(link.substring(hash + 1)));
    }

    /** What GitHub makes of the headings: lower case, without punctuation, a hyphen for each space. */
    private static Set<String> anchors(Path file) throws IOException {
        Set<String> anchors = new HashSet<>();
        Matcher headings = HEADING.matcher(text(file));
        while (headings.find()) {
            anchors.add(headings.group(1)
                    .toLowerCase(Locale.ROOT)
                    .replaceAll("[^\\p{L}\\p{N} _-]", "")
                    .replace(' ', '-'));
        }
        return anchors;
    }

    private static String text(Path file) throws IOException {
        return FENCED.matcher(Files.readString(file)).replaceAll("");
    }
}
