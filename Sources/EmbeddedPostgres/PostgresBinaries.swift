// Where the PostgreSQL programs are: Debian keeps one directory per major version outside PATH;
// others put them into PATH.
import Foundation
import Glibc
import LanguageSystem

struct PostgresBinaries: Sendable, Hashable {
    /// The directory of `postgres` and `initdb`.
    let directory: String
    let majorVersion: Int

    static let majorVersionMin = 15

    var postgres: String { directory + "/postgres" }
    var initdb: String { directory + "/initdb" }

    /// All usable installations, the newest first.
    static func installed(
        debianRoot: String = "/usr/lib/postgresql",
        path: String = ProcessInfo.processInfo.environment["PATH"] ?? ""
    ) -> [PostgresBinaries] {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: debianRoot)) ?? []
        var found: [PostgresBinaries] = versions.compactMap { name in
            Int(name).map { Self(directory: "\(debianRoot)/\(name)/bin", majorVersion: $0) }
        }
        for directory in path.split(separator: ":").map(String.init) {
            guard access(directory + "/initdb", X_OK) == 0,
                let version = majorVersion(ofPostgres: directory + "/postgres")
            else { continue }
            found.append(Self(directory: directory, majorVersion: version))
        }
        return found.filter { binaries in
            binaries.majorVersion >= majorVersionMin && access(binaries.postgres, X_OK) == 0
                && access(binaries.initdb, X_OK) == 0
        }.sorted { $0.majorVersion > $1.majorVersion }
    }

    /// The installation that can open a data directory of `version`; the newest if there is no data
    /// directory yet.
    static func find(
        for version: Int?, dataDirectory: String, among installed: [PostgresBinaries]
    ) throws(LanguageSystemError) -> PostgresBinaries {
        guard let newest = installed.first else { throw .noPostgres }
        guard let version else { return newest }
        guard let match = installed.first(where: { $0.majorVersion == version }) else {
            throw .otherPostgresVersion(
                dataDirectory, version: version, installed: installed.map(\.majorVersion))
        }
        return match
    }

    /// Reads the major version: "postgres (PostgreSQL) 15.18 (Debian …)" gives 15.
    private static func majorVersion(ofPostgres path: String) -> Int? {
        guard access(path, X_OK) == 0, let pipe = popen("'\(path)' --version", "r") else {
            return nil
        }
        defer { pclose(pipe) }
        var line = [CChar](repeating: 0, count: 256)
        guard fgets(&line, Int32(line.count), pipe) != nil else { return nil }
        let text = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return majorVersion(in: String(decoding: text, as: UTF8.self))
    }

    static func majorVersion(in line: String) -> Int? {
        guard let text = line.components(separatedBy: "(PostgreSQL) ").dropFirst().first else {
            return nil
        }
        return Int(text.prefix { $0.isNumber })
    }
}

extension LanguageSystemError {
    static let noPostgres = LanguageSystemError(
        .invalidSettings,
        "no PostgreSQL \(PostgresBinaries.majorVersionMin) or later was found in "
            + "/usr/lib/postgresql or PATH",
        hint: "apt-get install postgresql, or name a database of yours with --database")

    static func otherPostgresVersion(_ directory: String, version: Int, installed: [Int]) -> Self {
        Self(
            .invalidSettings,
            "the data directory \(directory) was made by PostgreSQL \(version), installed is "
                + installed.map(String.init).joined(separator: ", "),
            hint: "apt-get install postgresql-\(version), or move the data with pg_upgrade")
    }
}
