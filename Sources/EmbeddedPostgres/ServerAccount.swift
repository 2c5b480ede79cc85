// Who the server runs as. PostgreSQL refuses to run as root, so root hands it to an account
// without rights; anyone else runs it as themselves. The switch is made by util-linux's setpriv,
// in the child, after all the files it needs belong to that account.
import Glibc
import LanguageSystem

struct ServerAccount: Sendable, Hashable {
    let name: String
    let userID: uid_t
    let groupID: gid_t
    /// The account that we run as; the ident map lets both in.
    let callerName: String
    let isSwitched: Bool

    /// - Parameter wanted: The account to use as root instead of `postgres` or `nobody`.
    static func current(wanted: String?) throws(LanguageSystemError) -> ServerAccount {
        guard let caller = getpwuid(geteuid()).map({ String(cString: $0.pointee.pw_name) }) else {
            throw LanguageSystemError(
                .invalidSettings,
                "user \(geteuid()) has no name in /etc/passwd, PostgreSQL needs one")
        }
        guard geteuid() == 0 else {
            return ServerAccount(
                name: caller, userID: geteuid(), groupID: getegid(), callerName: caller,
                isSwitched: false)
        }
        for name in wanted.map({ [$0] }) ?? ["postgres", "nobody"] {
            guard let entry = getpwnam(name), entry.pointee.pw_uid != 0 else { continue }
            return ServerAccount(
                name: name, userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid,
                callerName: caller, isSwitched: true)
        }
        throw LanguageSystemError(
            .invalidSettings,
            "PostgreSQL cannot run as root: there is no unprivileged account "
                + "\(wanted ?? "postgres or nobody")",
            hint: "run as an ordinary user, or name an account that exists")
    }

    /// The command line that runs `arguments` as this account.
    func command(_ arguments: [String]) -> [String] {
        guard isSwitched else { return arguments }
        return [
            "/usr/bin/setpriv", "--reuid=\(userID)", "--regid=\(groupID)", "--clear-groups",
            "--no-new-privs", "--",
        ] + arguments
    }
}
