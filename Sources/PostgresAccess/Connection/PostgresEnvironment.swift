// libpq fills what a connection string leaves open from PG… variables. That is meant for somebody's
// own server; the embedded one has a string that is complete, and a PGSERVICE or PGOPTIONS meant
// for another would only spoil it.
import CLibPQ
import Glibc

/// The environment variables that libpq reads.
public enum PostgresEnvironment {
    /// Removes every variable that libpq reads from the environment of this process and its
    /// children. Call it only at the start of a program that uses just its embedded server, before
    /// other threads read the environment.
    public static func forget() {
        // Without these first, a service that is not there keeps the list away, too.
        for name in ["PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR"] { unsetenv(name) }
        guard let defaults = PQconndefaults() else { return }
        defer { PQconninfoFree(defaults) }
        var option = defaults
        while option.pointee.keyword != nil {
            if let name = option.pointee.envvar { unsetenv(name) }
            option += 1
        }
        // Not of an option, but of the session.
        for name in ["PGDATESTYLE", "PGTZ", "PGGEQO", "PGREQUIRESSL"] { unsetenv(name) }
    }
}
