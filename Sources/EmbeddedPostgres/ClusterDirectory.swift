// The files of an embedded cluster:
//     lock            held (flock) as long as one process uses the directory; names its pid
//     cluster/        PostgreSQL's own data directory; made as cluster.new, then renamed
//     run/            the socket, 0700
//     pg_hba.conf, pg_ident.conf   written at each start
//     postgres.log    what the server says; the one before it is postgres.log.1
import Foundation
import Glibc
import LanguageSystem

struct ClusterDirectory: Sendable, Hashable {
    let path: String

    var data: String { path + "/cluster" }
    var newData: String { path + "/cluster.new" }
    var sockets: String { path + "/run" }
    var log: String { path + "/postgres.log" }
    var hostAccess: String { path + "/pg_hba.conf" }
    var identityMap: String { path + "/pg_ident.conf" }
    var lock: String { path + "/lock" }

    /// The longest path of a Unix socket: 107 bytes (sockaddr_un.sun_path without its final zero).
    static let socketPathByteCountMax = 107

    var socketPath: String { sockets + "/.s.PGSQL.5432" }

    func checkSocketPath() throws(LanguageSystemError) {
        let count = socketPath.utf8.count
        guard count <= Self.socketPathByteCountMax else {
            throw LanguageSystemError(
                .invalidSettings,
                "the data directory's path is too long for PostgreSQL's socket: \(socketPath) has "
                    + "\(count) bytes, at most \(Self.socketPathByteCountMax) are possible",
                hint: "choose a data directory with a shorter path")
        }
    }

    /// The major version of PostgreSQL that made the data directory; nil when there is none yet.
    func majorVersion() throws(LanguageSystemError) -> Int? {
        guard let text = try? String(contentsOfFile: data + "/PG_VERSION", encoding: .utf8) else {
            if FileManager.default.fileExists(atPath: data) {
                throw LanguageSystemError(
                    .invalidSettings,
                    "\(data) is not a PostgreSQL data directory: it has no readable PG_VERSION")
            }
            return nil
        }
        guard let version = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw LanguageSystemError(
                .invalidSettings,
                "\(data)/PG_VERSION says \"\(text.prefix(20))\", expected a version number")
        }
        return version
    }

    /// Makes what is missing and checks that both we and the server's account can use it.
    func prepare(for account: ServerAccount) throws(LanguageSystemError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: account.isSwitched ? 0o711 : 0o700])
        } catch {
            throw .cannotUse(path, "it cannot be created", cause: String(describing: error))
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw .cannotUse(path, "it is not writable for \(account.callerName)")
        }
        if let place = placeClosed(to: account) {
            throw LanguageSystemError(
                .invalidSettings,
                "the data directory \(path) cannot be used: \(place) is closed to \(account.name), "
                    + "the account that PostgreSQL runs as",
                hint: "choose another data directory, or chmod o+x \(place)")
        }
        try own(sockets, account)
        if FileManager.default.fileExists(atPath: data) { try checkOwner(account) }
    }

    /// The first directory on the path that the account may not enter; nil when it may enter all.
    private func placeClosed(to account: ServerAccount) -> String? {
        guard account.isSwitched else { return nil }
        var place = ""
        for part in realPath(path).split(separator: "/") {
            place += "/" + part
            guard let status = fileStatus(place) else { return place }
            let bit: mode_t =
                status.st_uid == account.userID
                ? 0o100 : status.st_gid == account.groupID ? 0o010 : 0o001
            if status.st_mode & bit == 0 { return place }
        }
        return nil
    }

    private func checkOwner(_ account: ServerAccount) throws(LanguageSystemError) {
        guard let status = fileStatus(data), status.st_uid != account.userID else { return }
        let owner =
            getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) }
            ?? "user \(status.st_uid)"
        throw .cannotUse(
            path, "\(data) belongs to \(owner), PostgreSQL would run as \(account.name)",
            hint: "run as the same user as before, or chown -R \(account.name) \(data)")
    }

    /// Makes a directory that belongs to the account, with mode 0700.
    func own(_ directory: String, _ account: ServerAccount) throws(LanguageSystemError) {
        if mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw .cannotUse(path, "\(directory) cannot be created", cause: lastError())
        }
        guard chmod(directory, 0o700) == 0,
            !account.isSwitched || chown(directory, account.userID, account.groupID) == 0
        else { throw .cannotUse(path, "\(directory) cannot be given away", cause: lastError()) }
    }

    /// Takes the lock. It is held until the descriptor is closed or the process ends in any way.
    func takeLock() throws(LanguageSystemError) -> Int32 {
        // Close-on-exec: the server must not go on holding it after us.
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .cannotUse(path, "\(lock) cannot be opened", cause: lastError())
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            let holder = (try? String(contentsOfFile: lock, encoding: .utf8)) ?? ""
            let number = holder.trimmingCharacters(in: .whitespacesAndNewlines)
            throw LanguageSystemError(
                .addressInUse,
                "the data directory \(path) is in use by another process"
                    + (number.isEmpty ? "" : " (\(number))"),
                hint: "stop that one first, or choose another data directory")
        }
        ftruncate(descriptor, 0)
        let line = Array("\(getpid())\n".utf8)
        _ = write(descriptor, line, line.count)
        return descriptor
    }

    /// Lets only the account that we run as connect, as the superuser `postgres`, and only through
    /// the socket. The one that the server runs as owns its files and so could read them anyway,
    /// but other programs under that name (a distribution's PostgreSQL runs as `postgres`) have no
    /// way in by asking.
    func writeAccess(_ account: ServerAccount) throws(LanguageSystemError) {
        let map = "coordinator \"\(account.callerName)\" postgres\n"
        do {
            try Data("local all postgres peer map=coordinator\nlocal all all reject\n".utf8)
                .write(to: URL(fileURLWithPath: hostAccess))
            try Data(map.utf8).write(to: URL(fileURLWithPath: identityMap))
        } catch {
            throw .cannotUse(
                path, "the access rules cannot be written", cause: String(describing: error))
        }
        chmod(hostAccess, 0o644)
        chmod(identityMap, 0o644)
    }

    /// Starts a new log when the old one is large.
    func turnLog() {
        if let status = fileStatus(log), status.st_size > 16 << 20 {
            rename(log, log + ".1")
        }
    }

    /// The last lines of the server's log, for people.
    func lastLogLines(_ countMax: Int = 5) -> String {
        guard let file = FileHandle(forReadingAtPath: log) else { return "" }
        defer { try? file.close() }
        let size = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: size > 4096 ? size - 4096 : 0)
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").suffix(countMax).joined(separator: "; ")
    }

    func fileStatus(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    func realPath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

private func lastError() -> String { String(cString: strerror(errno)) }

extension LanguageSystemError {
    static func cannotUse(
        _ directory: String, _ reason: String, hint: String? = nil, cause: String? = nil
    ) -> Self {
        Self(
            .invalidSettings, "the data directory \(directory) cannot be used: \(reason)",
            hint: hint ?? "choose a directory that you own", cause: cause)
    }
}
