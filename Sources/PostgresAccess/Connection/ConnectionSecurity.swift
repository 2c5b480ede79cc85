// What a connection to a remote server is worth: without a verified certificate whoever stands
// between reads and changes everything, and libpq's default asks for none.

enum ConnectionSecurity {
    /// A sentence for the log about an unverified server; nil when the server is verified or on
    /// this machine.
    static func warning(
        host: String, sslMode: String, rootCertificate: String, isEncrypted: Bool
    ) -> String? {
        let isLocal =
            host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") || host == "localhost"
            || host == "::1" || host.hasPrefix("127.")
        let isVerified =
            sslMode == "verify-full" || sslMode == "verify-ca"
            || (sslMode == "require" && !rootCertificate.isEmpty)
        if isLocal || isVerified { return nil }
        let found =
            isEncrypted
            ? "encrypted, but nothing says that it is the right server"
            : "neither encrypted nor verified"
        return """
            the connection to PostgreSQL at \(host) is \(found) (sslmode \(sslMode)): \
            add sslmode=verify-full and sslrootcert=FILE to the database's URL
            """
    }
}
