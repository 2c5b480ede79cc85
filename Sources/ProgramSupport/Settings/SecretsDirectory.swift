// A directory with one file for each secret, named as in the settings file: the one that
// LSCOORD_SECRETS_DIR or LSWORKER_SECRETS_DIR names, else the credentials that systemd gives a
// service (CREDENTIALS_DIRECTORY). Line breaks and spaces around a secret are none of it.
import Configuration
import Foundation
import LanguageSystem
import SystemPackage

struct SecretsDirectory: ConfigSnapshot {
    let providerName = "secrets directory"
    private let path: String
    private let names: Set<String>
    private let secrets: any ConfigSnapshot

    /// Nil: no directory is named.
    ///
    /// - Throws: `invalidSettings` when the directory, or a file in it, cannot be read.
    init?(prefix: String, environment: [String: String]) async throws {
        let named = environment[prefix + "SECRETS_DIR"] ?? ""
        let given = environment["CREDENTIALS_DIRECTORY"] ?? ""
        path = named.isEmpty ? given : named
        guard !path.isEmpty else { return nil }
        // Kubernetes' files are links into this folder, and the provider reads no links.
        let mounted = path + "/..data"
        let isMounted = FileManager.default.fileExists(atPath: mounted)
        do {
            secrets = try await DirectoryFilesProvider(
                directoryPath: FilePath(isMounted ? mounted : path), allowMissing: named.isEmpty
            ).snapshot()
            let isThere = FileManager.default.fileExists(atPath: path)
            names = isThere ? Set(try FileManager.default.contentsOfDirectory(atPath: path)) : []
        } catch {
            throw LanguageSystemError.unreadableSecrets(path, cause: "\(error)")
        }
    }

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        let result = try secrets.value(forKey: key, type: type)
        if result.value == nil, names.contains(result.encodedKey) {
            throw LanguageSystemError.irregularSecret(result.encodedKey, in: path)
        }
        return result
    }

    /// Files of somebody else may stand in the directory. A name that is nearly a setting's is
    /// none of them.
    ///
    /// - Throws: `invalidSettings`.
    func refuseMistyped(known: Set<String>) throws(LanguageSystemError) {
        let mistyped = names.subtracting(known).filter { name in
            !name.hasPrefix(".") && known.contains { name.isNearly($0) }
        }
        guard let name = mistyped.min() else { return }
        throw .unknownSetting(name, in: "the secrets directory \(path)", known: known)
    }
}
