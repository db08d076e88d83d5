// SPDX-License-Identifier: Apache-2.0
package org.qlif.dashboard;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Whom the server answers: requests that name it as its user would, from its own pages. A page of another site can make a browser send requests
 * here, under that site's name if it has the name point here (DNS rebinding). Such a name is no address, so all addresses are fine.
 */
final class Guard {
    private static final Pattern HOST = Pattern.compile("(\\[[0-9a-f:.%a-z]+]|[^:\\[\\]/@]+)(:[0-9]{1,5})?");
    private static final Pattern ADDRESS = Pattern.compile("\\[[0-9a-f:.%a-z]+]|(?:[0-9]{1,3}\\.){3}[0-9]{1,3}");

    private final Set<String> names = new HashSet<>();

    /** @param host what the server was told to listen on */
    Guard(String host) {
        names.add("localhost");
        names.add(host.toLowerCase(Locale.ROOT));
        try {
            if (InetAddress.getByName(host).isAnyLocalAddress()) {
                names.add(InetAddress.getLocalHost().getHostName().toLowerCase(Locale.ROOT));
            }
        } catch (UnknownHostException _) {
            // The machine has no name that it knows of, so nobody else has one for it either.
        }
    }

    /** Whether a request with this Host header is meant for this server. */
    boolean knows(@Nullable String host) {
        if (host == null) {
            return false;
        }
        Matcher parts = HOST.matcher(host.toLowerCase(Locale.ROOT));
        return parts.matches()
                && (names.contains(parts.group(1))
                        || ADDRESS.matcher(parts.group(1)).matches());
    }

    /**
     * Whether a request comes from a page of this server, or from no page at all.
     *
     * @param origin the Origin header
     * @param host the Host header, which {@link #knows} has let pass
     */
    static boolean isOwn(@Nullable String origin, String host) {
        return origin == null || origin.equalsIgnoreCase("http://" + host);
    }
}
